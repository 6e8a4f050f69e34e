//! The runtime that openraft runs on: tokio, with nothing in it that a seed cannot decide.
//!
//! openraft draws its waits for elections from it, and wakes its parts through it. Both are tokio's own, but for the
//! random numbers, which a simulation seeds, and the watch channels, because tokio's wake in random order.

mod ordered;

use std::cell::Cell;
use std::future::Future;
use std::time::Duration;

use openraft::{AsyncRuntime, OptionalSend, TokioRuntime};
use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use self::ordered::OrderedWatch;

thread_local! {
    static SEED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// From now on the waits for elections of the stores that run on this thread come from a seed: for simulations, which
/// run whole clusters on one thread in virtual time. Everywhere else they are random.
///
/// With it, paused time, [`MemoryDisk`](crate::MemoryDisk) and a network whose order is the seed's, a run of a cluster
/// is a function of the seed.
pub fn seed_elections(seed: u64) {
    SEED.set(Some(seed));
}

/// tokio, with seeded random numbers.
#[derive(Debug)]
pub(crate) struct SeededRuntime(TokioRuntime);

impl AsyncRuntime for SeededRuntime {
    type JoinError = <TokioRuntime as AsyncRuntime>::JoinError;
    type JoinHandle<T: OptionalSend + 'static> = <TokioRuntime as AsyncRuntime>::JoinHandle<T>;
    type Sleep = <TokioRuntime as AsyncRuntime>::Sleep;
    type Instant = <TokioRuntime as AsyncRuntime>::Instant;
    type TimeoutError = <TokioRuntime as AsyncRuntime>::TimeoutError;
    type Timeout<R, T: Future<Output = R> + OptionalSend> = <TokioRuntime as AsyncRuntime>::Timeout<R, T>;
    type ThreadLocalRng = SmallRng;
    type Mpsc = <TokioRuntime as AsyncRuntime>::Mpsc;
    type Watch = OrderedWatch;
    type Oneshot = <TokioRuntime as AsyncRuntime>::Oneshot;
    type Mutex<T: OptionalSend + 'static> = <TokioRuntime as AsyncRuntime>::Mutex<T>;

    fn spawn<T>(future: T) -> Self::JoinHandle<T::Output>
    where
        T: Future + OptionalSend + 'static,
        T::Output: OptionalSend + 'static,
    {
        TokioRuntime::spawn(future)
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        TokioRuntime::sleep(duration)
    }

    fn sleep_until(deadline: Self::Instant) -> Self::Sleep {
        TokioRuntime::sleep_until(deadline)
    }

    fn timeout<R, F: Future<Output = R> + OptionalSend>(
        duration: Duration,
        future: F,
    ) -> Self::Timeout<R, F> {
        TokioRuntime::timeout(duration, future)
    }

    fn timeout_at<R, F: Future<Output = R> + OptionalSend>(
        deadline: Self::Instant,
        future: F,
    ) -> Self::Timeout<R, F> {
        TokioRuntime::timeout_at(deadline, future)
    }

    fn is_panic(join_error: &Self::JoinError) -> bool {
        TokioRuntime::is_panic(join_error)
    }

    fn thread_rng() -> Self::ThreadLocalRng {
        match SEED.get() {
            Some(seed) => {
                SEED.set(Some(mixed(seed)));
                SmallRng::seed_from_u64(seed)
            }
            None => SmallRng::from_rng(&mut rand::rng()),
        }
    }

    fn new(threads: usize) -> Self {
        Self(TokioRuntime::new(threads))
    }

    fn block_on<F, T>(&mut self, future: F) -> T
    where
        F: Future<Output = T>,
    {
        self.0.block_on(future)
    }
}

/// The next seed: a step of SplitMix64.
const fn mixed(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its bounds are of real time, 200 ms for a sleep of 50: a busy machine may miss one, and no three times in a row.
    #[test]
    fn the_library_s_suite_of_runtimes_passes() {
        let suite = openraft::testing::runtime::Suite::<SeededRuntime>::test_all;
        let has_passed = (0..3).any(|_| std::panic::catch_unwind(suite).is_ok());
        assert!(has_passed);
    }

    #[test]
    fn a_seed_gives_the_same_numbers_on_every_thread() {
        use rand::Rng as _;
        let draw = |seed| {
            let drawn = std::thread::spawn(move || {
                seed_elections(seed);
                [(); 4].map(|()| SeededRuntime::thread_rng().next_u64())
            });
            drawn.join().expect("it draws")
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let [first, second, ..] = draw(7);
        assert_ne!(first, second);
    }
}
