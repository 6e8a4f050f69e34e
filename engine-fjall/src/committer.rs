//! The one place where changes are made: one at a time, many to an fsync.
//!
//! A change is a closure. Changes run alone, in the order in which they came, on a blocking thread; so a change may
//! read, compare and write without a lock of its own. What came while the disk was busy forms the next group: all
//! of it is run, one fsync follows if any of it asked for one, and only then does anyone hear of it. A change that
//! was queued is carried out, and holds its guard until it has ended, also when nobody waits for it any more.
//!
//! Readers see a change as soon as it was run. Those who must not show what a crash could take back wait for its
//! group, see [`Committer::durable`].

use std::collections::VecDeque;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fjall::{Database, PersistMode};
use tidegate_guard::{Rejected, SharedGuard};
use tidegate_streaming::EngineError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use crate::error::{Panicked, Stopped, failed, sync_error};

/// Whether a change is to be on the disk before its caller hears of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    Synced,
    Later,
}

/// What a change knows while it runs.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    /// Its group: what it shows to readers is durable once that group is.
    pub(crate) group: u64,
    guard: Option<&'a SharedGuard>,
}

impl Turn<'_> {
    /// For work that the change hands to another thread.
    pub(crate) fn guard(&self) -> Option<SharedGuard> {
        self.guard.cloned()
    }

    /// To be called right before the change takes effect.
    pub(crate) fn check(&self) -> Result<(), Rejected> {
        self.guard.map_or(Ok(()), |guard| guard.check())
    }
}

type SyncResult = Result<(), Arc<fjall::Error>>;

#[derive(Debug, Clone)]
struct Progress {
    group: u64,
    result: SyncResult,
}

pub(crate) struct Committer {
    db: Database,
    queue: Mutex<Queue>,
    room: Arc<Semaphore>,
    group_max: usize,
    progress: watch::Sender<Progress>,
    /// Makes the next sync fail as a full disk does, and no other.
    #[cfg(test)]
    pub(crate) sync_fails: std::sync::atomic::AtomicBool,
    /// Makes the next table file fail at its end, and no other.
    #[cfg(test)]
    pub(crate) run_fails: std::sync::atomic::AtomicBool,
}

#[derive(Default)]
struct Queue {
    changes: VecDeque<Box<dyn Change>>,
    draining: bool,
    group: u64,
}

impl Committer {
    pub(crate) fn new(db: Database, group_max: usize, queued_max: usize) -> Arc<Self> {
        let (progress, _) = watch::channel(Progress {
            group: 0,
            result: Ok(()),
        });
        Arc::new(Self {
            db,
            queue: Mutex::default(),
            room: Arc::new(Semaphore::new(queued_max.max(1))),
            group_max: group_max.max(1),
            progress,
            #[cfg(test)]
            sync_fails: std::sync::atomic::AtomicBool::new(false),
            #[cfg(test)]
            run_fails: std::sync::atomic::AtomicBool::new(false),
        })
    }

    /// Runs a change in its turn; `guard` is held until it has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropped before the change was queued, it never runs; later, it runs all the same.
    pub(crate) async fn run<T, F>(
        self: &Arc<Self>,
        guard: Option<SharedGuard>,
        change: F,
    ) -> Result<T, EngineError>
    where
        T: Send + 'static,
        F: FnOnce(&Turn<'_>) -> Result<(T, Durability), EngineError> + Send + 'static,
    {
        let room = Arc::clone(&self.room)
            .acquire_owned()
            .await
            .map_err(|_| failed(Stopped))?;
        let (reply, answer) = oneshot::channel();
        let change = Queued {
            change: Some(change),
            result: None,
            guard,
            reply: Some(reply),
            _room: room,
        };
        let start = {
            let mut queue = self.queue();
            queue.changes.push_back(Box::new(change));
            !std::mem::replace(&mut queue.draining, true)
        };
        if start {
            let draining = Draining {
                committer: Arc::clone(self),
                ended: false,
            };
            drop(tokio::task::spawn_blocking(move || draining.drain()));
        }
        answer.await.map_err(|_| failed(Stopped))?
    }

    /// Waits until a group is on the disk.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub(crate) async fn durable(&self, group: u64) -> Result<(), EngineError> {
        let mut progress = self.progress.subscribe();
        let reached = progress
            .wait_for(|progress| progress.result.is_err() || progress.group >= group)
            .await
            .map_err(|_| failed(Stopped))?;
        reached.result.clone().map_err(|error| sync_error(&error))
    }

    /// Takes no more changes; those that were queued are run.
    pub(crate) fn stop(&self) {
        self.room.close();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.room.is_closed()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_group(&self) -> Option<(u64, Vec<Box<dyn Change>>)> {
        let mut queue = self.queue();
        if queue.changes.is_empty() {
            queue.draining = false;
            return None;
        }
        queue.group += 1;
        let len = queue.changes.len().min(self.group_max);
        Some((queue.group, queue.changes.drain(..len).collect()))
    }

    fn persist(&self) -> Result<(), fjall::Error> {
        #[cfg(test)]
        if self.sync_fails.swap(false, std::sync::atomic::Ordering::Relaxed) {
            return Err(fjall::Error::Io(std::io::ErrorKind::StorageFull.into()));
        }
        self.db.persist(PersistMode::SyncAll)
    }

    fn run_group(&self, group: u64, mut changes: Vec<Box<dyn Change>>) {
        let mut sync = false;
        for change in &mut changes {
            sync |= change.run(group) == Durability::Synced;
        }
        // A sync that failed is never made good: what it should have brought to the disk may be lost, also where a
        // later sync says nothing of it. So a change that finds it done, and asks for no sync, must fail too.
        let mut result = self.progress.borrow().result.clone();
        if sync && result.is_ok() {
            result = self.persist().map_err(Arc::new);
        }
        self.progress.send_modify(|progress| {
            progress.group = group;
            progress.result.clone_from(&result);
        });
        for change in changes {
            change.end(&result);
        }
    }
}

impl fmt::Debug for Committer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committer")
            .field("group_max", &self.group_max)
            .finish_non_exhaustive()
    }
}

/// The turn of a blocking thread; ends it also when the runtime stops and never runs it.
struct Draining {
    committer: Arc<Committer>,
    ended: bool,
}

impl Draining {
    fn drain(mut self) {
        while let Some((group, changes)) = self.committer.next_group() {
            self.committer.run_group(group, changes);
        }
        self.ended = true;
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        if !self.ended {
            let left = {
                let mut queue = self.committer.queue();
                queue.draining = false;
                std::mem::take(&mut queue.changes)
            };
            // Outside the lock: guards of others end here.
            drop(left);
        }
    }
}

trait Change: Send {
    fn run(&mut self, group: u64) -> Durability;
    fn end(self: Box<Self>, sync: &SyncResult);
}

struct Queued<T, F> {
    change: Option<F>,
    result: Option<Result<(T, Durability), EngineError>>,
    guard: Option<SharedGuard>,
    reply: Option<oneshot::Sender<Result<T, EngineError>>>,
    _room: OwnedSemaphorePermit,
}

impl<T, F> Change for Queued<T, F>
where
    T: Send,
    F: FnOnce(&Turn<'_>) -> Result<(T, Durability), EngineError> + Send,
{
    fn run(&mut self, group: u64) -> Durability {
        let Some(change) = self.change.take() else {
            return Durability::Later;
        };
        let turn = Turn {
            group,
            guard: self.guard.as_ref(),
        };
        // A panic is the end of this change, not of those that wait behind it.
        let result =
            panic::catch_unwind(AssertUnwindSafe(|| change(&turn))).unwrap_or_else(|_| Err(failed(Panicked)));
        let durability = match &result {
            Ok((_, durability)) => *durability,
            Err(_) => Durability::Later,
        };
        self.result = Some(result);
        durability
    }

    fn end(mut self: Box<Self>, sync: &SyncResult) {
        let result = match (self.result.take(), sync) {
            // Also of a change that did nothing: what made it needless may be what did not come to the disk.
            (Some(Ok(_)), Err(error)) => Err(sync_error(error)),
            (Some(result), _) => result.map(|(value, _)| value),
            (None, _) => Err(failed(Stopped)),
        };
        // The effect has ended: let the guard go before the caller can look.
        drop(self.guard.take());
        if let Some(reply) = self.reply.take() {
            // Nobody may be waiting any more.
            let _ = reply.send(result);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_came_while_the_disk_was_busy_shares_a_group_and_groups_are_bounded() {
        let directory = tempfile::tempdir().expect("a directory");
        let db = Database::builder(directory.path()).open().expect("opens");
        let committer = Committer::new(db, 8, 100);
        // The first change keeps the committer busy until all others are queued.
        let (go, wait) = mpsc::sync_channel::<()>(1);
        let first = tokio::spawn({
            let committer = Arc::clone(&committer);
            async move {
                let change = move |_: &Turn<'_>| Ok((wait.recv().is_ok(), Durability::Synced));
                committer.run(None, change).await
            }
        });
        let mut others: Vec<_> = (0..20)
            .map(|_| Box::pin(committer.run(None, |turn| Ok((turn.group, Durability::Synced)))))
            .collect();
        for other in &mut others {
            let queued = std::future::poll_fn(|context| {
                std::task::Poll::Ready(other.as_mut().poll(context).is_pending())
            });
            assert!(queued.await);
        }
        go.send(()).expect("the first change waits");
        assert!(first.await.expect("no panic").expect("runs"));
        let mut groups = Vec::new();
        for other in others {
            groups.push(other.await.expect("runs"));
        }
        let distinct: std::collections::BTreeSet<_> = groups.iter().collect();
        assert!((3..=4).contains(&distinct.len()), "{groups:?}");
        assert!(groups.is_sorted());
        committer.durable(groups[19]).await.expect("is durable");
    }

    #[tokio::test]
    async fn a_change_that_panics_stops_no_other() {
        let directory = tempfile::tempdir().expect("a directory");
        let db = Database::builder(directory.path()).open().expect("opens");
        let committer = Committer::new(db, 8, 100);
        let broken = committer
            .run(None, |_| -> Result<((), Durability), EngineError> {
                panic!("as the test wants it")
            })
            .await;
        assert!(broken.is_err());
        committer
            .run(None, |_| Ok(((), Durability::Synced)))
            .await
            .expect("runs");
    }
}
