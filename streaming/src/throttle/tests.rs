//! The pace of a throttle, in paused time.

use std::pin::pin;

use tokio::time::timeout;

use super::*;

fn rate(bytes: u64) -> Option<NonZeroU64> {
    NonZeroU64::new(bytes)
}

async fn seconds(throttle: &Throttle, bytes: usize) -> f64 {
    let begun = Instant::now();
    throttle.wait(bytes).await;
    begun.elapsed().as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_nothing_waits() {
    let throttle = Throttle::new();
    assert_eq!(seconds(&throttle, usize::MAX).await, 0.0);
    throttle.set(rate(1));
    throttle.set(None);
    assert_eq!(throttle.bytes_per_second(), None);
    assert_eq!(seconds(&throttle, usize::MAX).await, 0.0);
}

#[tokio::test(start_paused = true)]
async fn the_pace_is_that_of_the_limit_also_for_more_than_a_burst() {
    for limit in [1, 10, 1000, 999_999, 50_000_000, 3_000_000_000, 1 << 40] {
        let throttle = Throttle::new();
        throttle.set(rate(limit));
        let bytes = usize::try_from(limit * 5).unwrap();
        let took = seconds(&throttle, bytes).await;
        assert!(
            (4.0..=5.2).contains(&took),
            "{limit} bytes per second took {took}"
        );
        assert_eq!(throttle.bytes_per_second(), rate(limit));
    }
}

#[tokio::test(start_paused = true)]
async fn clones_share_the_limit_and_are_served_in_order() {
    let throttle = Throttle::new();
    throttle.set(rate(1000));
    let begun = Instant::now();
    let tasks = [1, 2, 3].map(|_| {
        let throttle = throttle.clone();
        tokio::spawn(async move {
            throttle.wait(1000).await;
            Instant::now()
        })
    });
    let mut before = begun;
    for task in tasks {
        let done = task.await.unwrap();
        assert!(done > before);
        before = done;
    }
    assert!((2.8..=3.2).contains(&begun.elapsed().as_secs_f64()));
}

#[tokio::test(start_paused = true)]
async fn a_change_reaches_those_who_wait() {
    let throttle = Throttle::new();
    throttle.set(rate(1));
    let mut waiting = pin!(throttle.wait(1_000_000));
    assert!(timeout(Duration::from_secs(60), &mut waiting).await.is_err());
    throttle.set(rate(1_000_000));
    assert!(timeout(Duration::from_secs(2), &mut waiting).await.is_ok());

    throttle.set(rate(1));
    let mut waiting = pin!(throttle.wait(1_000_000));
    assert!(timeout(Duration::from_secs(60), &mut waiting).await.is_err());
    throttle.set(None);
    waiting.await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_dropped_gives_its_turn_up() {
    let throttle = Throttle::new();
    throttle.set(rate(10));
    assert!(
        timeout(Duration::from_secs(1), throttle.wait(1_000_000))
            .await
            .is_err()
    );
    let took = seconds(&throttle, 10).await;
    assert!(took < 1.2, "{took}");
}

#[tokio::test(start_paused = true)]
async fn the_largest_limit_lets_all_through() {
    let throttle = Throttle::new();
    throttle.set(rate(u64::MAX));
    assert!(seconds(&throttle, 1 << 40).await < 1.0);
}
