//! Something told once, to everyone who waits for it.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The end that tells, once. Dropped, nothing will ever be told, and those who wait hear that.
#[derive(Debug)]
pub(crate) struct Teller<T> {
    shared: Arc<Shared<T>>,
}

/// The end that waits. Clones wait for the same.
#[derive(Debug)]
pub(crate) struct Told<T> {
    shared: Arc<Shared<T>>,
}

#[derive(Debug)]
struct Shared<T> {
    word: Mutex<Word<T>>,
    /// Wakes those who wait in the order in which they came, which a watch channel of tokio does not.
    changed: Notify,
}

#[derive(Debug)]
enum Word<T> {
    Awaited,
    Told(T),
    Abandoned,
}

pub(crate) fn told<T>() -> (Teller<T>, Told<T>) {
    let shared = Arc::new(Shared {
        word: Mutex::new(Word::Awaited),
        changed: Notify::new(),
    });
    let teller = Teller {
        shared: Arc::clone(&shared),
    };
    (teller, Told { shared })
}

impl<T> Teller<T> {
    pub(crate) fn tell(self, word: T) {
        self.shared.end(Word::Told(word));
    }
}

impl<T> Drop for Teller<T> {
    fn drop(&mut self) {
        self.shared.end(Word::Abandoned);
    }
}

impl<T> Clone for Told<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T: Clone> Told<T> {
    /// What is told, once it is; `None` once it is known that nothing will be.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub(crate) async fn wait(&self) -> Option<T> {
        loop {
            // Made before the look at the word: it hears of what is told from here on.
            let changed = self.shared.changed.notified();
            match &*self.shared.lock() {
                Word::Awaited => {}
                Word::Told(word) => return Some(word.clone()),
                Word::Abandoned => return None,
            }
            changed.await;
        }
    }
}

impl<T> Told<T> {
    /// Whether it is known that nothing will be told.
    pub(crate) fn is_abandoned(&self) -> bool {
        matches!(*self.shared.lock(), Word::Abandoned)
    }
}

impl<T> Shared<T> {
    /// The first word stays.
    fn end(&self, word: Word<T>) {
        let mut now = self.lock();
        if matches!(*now, Word::Awaited) {
            *now = word;
            drop(now);
            self.changed.notify_waiters();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Word<T>> {
        // Nothing under the lock panics.
        self.word.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn all_who_wait_are_told_in_the_order_in_which_they_came() {
        for _ in 0..20 {
            let (teller, told) = told();
            let turn = Arc::new(AtomicUsize::new(0));
            let waiting: Vec<_> = (0..16)
                .map(|_| {
                    let (told, turn) = (told.clone(), Arc::clone(&turn));
                    tokio::spawn(async move { (told.wait().await, turn.fetch_add(1, Ordering::Relaxed)) })
                })
                .collect();
            tokio::task::yield_now().await;
            teller.tell("word");
            for (at, waiter) in waiting.into_iter().enumerate() {
                assert_eq!(waiter.await.unwrap(), (Some("word"), at));
            }
            assert_eq!(told.wait().await, Some("word"), "who comes late is told too");
            assert!(!told.is_abandoned(), "that its teller is gone takes nothing back");
        }
    }

    #[tokio::test]
    async fn a_teller_that_goes_without_a_word_is_heard_of() {
        let (teller, told) = told::<()>();
        assert!(!told.is_abandoned());
        let waiting = tokio::spawn({
            let told = told.clone();
            async move { told.wait().await }
        });
        tokio::task::yield_now().await;
        drop(teller);
        assert_eq!(waiting.await.unwrap(), None);
        assert!(told.is_abandoned());
    }
}
