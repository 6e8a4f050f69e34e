//! A limit on bytes per second that can change while it is in use.

use std::num::{NonZeroU32, NonZeroU64};
use std::ops::Add;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep};

use crate::meters;

/// How long saved up bytes may be spent at once.
const BURST: Duration = Duration::from_millis(100);

/// A limit on bytes per second, shared by its clones; none at first. It can change while it is in use.
///
/// Those who wait are served one after the other, in the order in which they came.
#[derive(Debug, Clone)]
pub struct Throttle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limit: RwLock<Option<Limit>>,
    changed: Notify,
    turn: Semaphore,
}

#[derive(Debug, Clone)]
struct Limit {
    bytes_per_second: NonZeroU64,
    /// What the limiter counts: so many bytes that their interval is long against a nanosecond.
    cell_bytes: u64,
    burst: NonZeroU32,
    limiter: Arc<RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<TokioInstant>>>,
}

impl Throttle {
    /// A throttle without a limit.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                limit: RwLock::new(None),
                changed: Notify::new(),
                turn: Semaphore::new(1),
            }),
        }
    }

    /// Sets the limit, from now on and for those who wait already; `None` lifts it.
    pub fn set(&self, bytes_per_second: Option<NonZeroU64>) {
        let limit = bytes_per_second.map(Limit::new);
        *self.shared.limit.write().unwrap_or_else(PoisonError::into_inner) = limit;
        self.shared.changed.notify_waiters();
    }

    /// The limit.
    #[must_use]
    pub fn bytes_per_second(&self) -> Option<NonZeroU64> {
        self.limit().map(|limit| limit.bytes_per_second)
    }

    /// Whether there is a limit now.
    pub(crate) fn is_set(&self) -> bool {
        self.shared
            .limit
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    fn limit(&self) -> Option<Limit> {
        // Nothing under the lock panics.
        self.shared
            .limit
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until `bytes` may pass. More than the limit lets through at once pass piece by piece.
    ///
    /// # Cancel safety
    ///
    /// Safe; the pieces that have passed are not given back.
    pub async fn wait(&self, bytes: usize) {
        if !self.is_set() {
            return;
        }
        let begun = Instant::now();
        // The semaphore is never closed; were it, there would be nothing to wait for.
        let _turn = self.shared.turn.acquire().await;
        let mut left = bytes as u64;
        while left > 0 {
            // Made before the look at the limit: it hears of one that is set from here on.
            let changed = self.shared.changed.notified();
            let Some(current) = self.limit() else { break };
            match current.take(left) {
                Ok(taken) => left = left.saturating_sub(taken),
                Err(pause) => tokio::select! {
                    biased;
                    () = changed => {}
                    () = sleep(pause) => {}
                },
            }
        }
        meters::throttled(begun.elapsed());
    }
}

impl Default for Throttle {
    fn default() -> Self {
        Self::new()
    }
}

impl Limit {
    fn new(bytes_per_second: NonZeroU64) -> Self {
        let rate = bytes_per_second.get();
        let cell_bytes = (rate / 1_000_000).max(1);
        let interval = Duration::from_nanos(
            u64::try_from(u128::from(cell_bytes) * 1_000_000_000 / u128::from(rate))
                .unwrap_or(u64::MAX)
                .max(1),
        );
        let burst = BURST.as_nanos() / interval.as_nanos();
        let burst = u32::try_from(burst)
            .ok()
            .and_then(NonZeroU32::new)
            .unwrap_or(if burst == 0 {
                NonZeroU32::MIN
            } else {
                NonZeroU32::MAX
            });
        // An interval of zero has no quota; it is at least one nanosecond.
        let quota = Quota::with_period(interval)
            .unwrap_or(Quota::per_second(NonZeroU32::MAX))
            .allow_burst(burst);
        let limiter = Arc::new(RateLimiter::direct_with_clock(quota, TokioClock));
        Self {
            bytes_per_second,
            cell_bytes,
            burst,
            limiter,
        }
    }

    /// Takes as much of `bytes` as may pass at once, or says how long to wait for that.
    fn take(&self, bytes: u64) -> Result<u64, Duration> {
        let cells = bytes.div_ceil(self.cell_bytes).min(u64::from(self.burst.get()));
        let cells = u32::try_from(cells)
            .ok()
            .and_then(NonZeroU32::new)
            .unwrap_or(NonZeroU32::MIN);
        match self.limiter.check_n(cells) {
            Ok(Ok(())) => Ok(u64::from(cells.get()) * self.cell_bytes),
            Ok(Err(not_until)) => Err(not_until
                .wait_time_from(TokioClock.now())
                .max(Duration::from_millis(1))),
            // Not more than the burst was asked for.
            Err(_) => Ok(bytes),
        }
    }
}

/// Tokio's time, so that a paused clock pauses the limit too.
#[derive(Debug, Clone, Copy)]
struct TokioClock;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct TokioInstant(Instant);

impl Clock for TokioClock {
    type Instant = TokioInstant;

    fn now(&self) -> TokioInstant {
        TokioInstant(Instant::now())
    }
}

impl Reference for TokioInstant {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_duration_since(earlier.0).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.checked_sub(duration.into()).unwrap_or(self.0))
    }
}

impl Add<Nanos> for TokioInstant {
    type Output = Self;

    fn add(self, other: Nanos) -> Self {
        Self(self.0 + Duration::from(other))
    }
}

#[cfg(test)]
mod tests;
