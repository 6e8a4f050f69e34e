//! Whether the peer is still there, though it may have nothing to say.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// Asks after a third of the idle timeout without a word, gives up at its end.
#[derive(Debug)]
pub(crate) struct Pulse {
    idle: Duration,
    heard: Instant,
    asked: bool,
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
            asked: false,
            timer: Box::pin(sleep(idle / 3)),
        }
    }

    /// Something has come.
    pub(crate) fn heard(&mut self) {
        self.heard = Instant::now();
        self.asked = false;
    }

    /// Call it after reading whatever there is: a runtime that was busy elsewhere makes no peer silent.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Beat {
        // The timer is not moved at every word: when it fires, it learns how far it came too early.
        while let Poll::Ready(()) = self.timer.as_mut().poll(context) {
            let silent = self.heard.elapsed();
            if silent >= self.idle {
                return Beat::Dead;
            }
            if silent >= self.idle / 3 && !self.asked {
                self.asked = true;
                return Beat::Ask;
            }
            let until = if self.asked { self.idle } else { self.idle / 3 };
            self.timer.as_mut().reset(self.heard + until);
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
}
