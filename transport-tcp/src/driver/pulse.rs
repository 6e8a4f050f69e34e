//! Whether the peer is still there, though it may have nothing to say.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// Asks after a third of the idle timeout without a word, gives up when as much as the rest of it has gone by since.
///
/// Nobody is given up who was not asked: this process may have been the one that stood still, and found no word of the
/// other's because that one waits to be asked too.
#[derive(Debug)]
pub(crate) struct Pulse {
    idle: Duration,
    heard: Instant,
    /// Since when an answer is waited for.
    asked: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

/// What to do about silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beat {
    Wait,
    Ask,
    Dead,
}

impl Pulse {
    pub(crate) fn new(idle: Duration) -> Self {
        Self {
            idle,
            heard: Instant::now(),
            asked: None,
            timer: Box::pin(sleep(idle / 3)),
        }
    }

    /// Something has come.
    pub(crate) fn heard(&mut self) {
        self.heard = Instant::now();
        self.asked = None;
    }

    /// Call it after reading whatever there is: a runtime that was busy elsewhere makes no peer silent.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Beat {
        // The timer is not moved at every word: when it fires, it learns how far it came too early.
        while let Poll::Ready(()) = self.timer.as_mut().poll(context) {
            let (since, wait) = match self.asked {
                Some(asked) => (asked, self.idle - self.idle / 3),
                None => (self.heard, self.idle / 3),
            };
            if since.elapsed() < wait {
                self.timer.as_mut().reset(since + wait);
            } else if self.asked.is_some() {
                return Beat::Dead;
            } else {
                self.asked = Some(Instant::now());
                // The timer fires again at once, and learns what it waits for now.
                return Beat::Ask;
            }
        }
        Beat::Wait
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn next(pulse: &mut Pulse) -> Beat {
        poll_fn(|context| match pulse.poll(context) {
            Beat::Wait => Poll::Pending,
            beat => Poll::Ready(beat),
        })
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_asked_about_once_and_then_the_end() {
        let idle = Duration::from_secs(9);
        let mut pulse = Pulse::new(idle);
        let begun = Instant::now();
        assert_eq!(next(&mut pulse).await, Beat::Ask);
        assert_eq!(begun.elapsed().as_secs(), 3);
        pulse.heard();
        assert_eq!(next(&mut pulse).await, Beat::Ask);
        assert_eq!(begun.elapsed().as_secs(), 6);
        assert_eq!(next(&mut pulse).await, Beat::Dead);
        assert_eq!(begun.elapsed().as_secs(), 12);
    }

    /// This end stood still, for longer than the timeout: that says nothing about the other.
    #[tokio::test(start_paused = true)]
    async fn nobody_is_given_up_who_was_not_asked() {
        let idle = Duration::from_secs(9);
        let mut pulse = Pulse::new(idle);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(next(&mut pulse).await, Beat::Ask);
        let asked = Instant::now();
        assert_eq!(next(&mut pulse).await, Beat::Dead);
        assert_eq!(asked.elapsed().as_secs(), 6);
    }
}
