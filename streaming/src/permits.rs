//! How many streams may run at once, a number that can change.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// A number of permits that can change while some are taken: where it goes down, none is taken away, but as many that
/// come back are not given out again.
#[derive(Debug)]
pub(crate) struct Permits {
    free: Arc<Semaphore>,
    size: Mutex<Size>,
}

#[derive(Debug)]
struct Size {
    permits: usize,
    /// Permits that are taken and are not to come back.
    surplus: usize,
}

/// Room for one stream, until it is dropped.
#[derive(Debug)]
pub(crate) struct StreamPermit {
    permit: Option<OwnedSemaphorePermit>,
    of: Arc<Permits>,
}

impl Permits {
    pub(crate) fn new(permits: usize) -> Arc<Self> {
        let size = Size { permits, surplus: 0 };
        Arc::new(Self {
            free: Arc::new(Semaphore::new(permits)),
            size: Mutex::new(size),
        })
    }

    /// That many from now on.
    pub(crate) fn resize(&self, permits: usize) {
        let mut size = self.lock();
        if permits > size.permits {
            let more = permits - size.permits;
            let kept = more.min(size.surplus);
            size.surplus -= kept;
            self.free.add_permits(more - kept);
        } else {
            let fewer = size.permits - permits;
            size.surplus += fewer - self.free.forget_permits(fewer);
        }
        size.permits = permits;
    }

    pub(crate) fn size(&self) -> usize {
        self.lock().permits
    }

    /// A permit, or nothing where none comes free within `wait`.
    ///
    /// # Cancel safety
    ///
    /// Safe: dropped before it completes, it loses its place in the queue.
    pub(crate) async fn take(self: &Arc<Self>, wait: Duration) -> Option<StreamPermit> {
        let permit = timeout(wait, Arc::clone(&self.free).acquire_owned()).await;
        Some(StreamPermit {
            permit: Some(permit.ok()?.ok()?),
            of: Arc::clone(self),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Size> {
        self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let Some(permit) = self.permit.take() else { return };
        let mut size = self.of.lock();
        if size.surplus > 0 {
            size.surplus -= 1;
            permit.forget();
        } else {
            // Back before anybody looks at how many are taken.
            drop(permit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn take(permits: &Arc<Permits>) -> Option<StreamPermit> {
        permits.take(Duration::from_secs(1)).await
    }

    #[tokio::test(start_paused = true)]
    async fn more_permits_are_there_at_once_also_for_those_who_wait() {
        let permits = Permits::new(1);
        let _first = take(&permits).await.expect("one is free");
        assert!(take(&permits).await.is_none());
        let (second, ()) = tokio::join!(take(&permits), async { permits.resize(2) });
        assert!(second.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn fewer_permits_take_none_away_and_give_none_out_until_enough_came_back() {
        let permits = Permits::new(3);
        let first = take(&permits).await;
        let second = take(&permits).await;
        let third = take(&permits).await;
        permits.resize(1);
        drop(first);
        assert!(take(&permits).await.is_none(), "two run still");
        drop(second);
        assert!(take(&permits).await.is_none(), "as many as may");
        drop(third);
        let _one = take(&permits).await.expect("none runs");
        assert!(take(&permits).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn there_and_back_is_as_before() {
        let permits = Permits::new(2);
        let held = [take(&permits).await, take(&permits).await];
        for size in [1, 0, 5, 1, 2] {
            permits.resize(size);
        }
        drop(held);
        let _held = [
            take(&permits).await.expect("free"),
            take(&permits).await.expect("free"),
        ];
        assert!(take(&permits).await.is_none());
    }
}
