//! How many streams there may be between two nodes, one way.

use std::sync::Arc;

use tokio::sync::watch;

/// Counted places, whose number may change.
#[derive(Debug)]
pub(crate) struct Places(watch::Sender<Count>);

#[derive(Debug, Clone, Copy)]
struct Count {
    limit: usize,
    used: usize,
}

/// One of them; free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Places>);

impl Places {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(Count { limit, used: 0 })))
    }

    /// How many there are from now on. Those that are taken stay taken.
    pub(crate) fn set_limit(&self, limit: usize) {
        self.0.send_if_modified(|count| {
            let more = limit > count.limit;
            count.limit = limit;
            more
        });
    }

    /// Waits for a place and takes it.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(crate) async fn take(self: &Arc<Self>) -> Place {
        let mut counts = self.0.subscribe();
        loop {
            if let Some(place) = self.try_take() {
                return place;
            }
            // The sender lives as long as `self`.
            let _closed = counts.wait_for(|count| count.used < count.limit).await.is_err();
        }
    }

    fn try_take(self: &Arc<Self>) -> Option<Place> {
        let mut taken = false;
        self.0.send_if_modified(|count| {
            taken = count.used < count.limit;
            count.used += usize::from(taken);
            false
        });
        taken.then(|| Place(Arc::clone(self)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| count.used -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_place_is_waited_for_and_comes_free() {
        let places = Places::new(1);
        let first = places.take().await;
        assert!(places.try_take().is_none());
        let waiting = tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.take().await }
        });
        tokio::task::yield_now().await;
        drop(first);
        let second = waiting.await.unwrap();
        places.set_limit(2);
        let third = places.try_take().unwrap();
        places.set_limit(1);
        drop(second);
        assert!(places.try_take().is_none(), "one is taken still");
        drop(third);
        assert!(places.try_take().is_some());
    }
}
