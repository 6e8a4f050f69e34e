//! The streams that one node has open towards another, cut together.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_transport::pipe::{End, Line};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::voice::Kept;

/// One direction of opening between two nodes, from its first open until it is cut.
#[derive(Debug)]
pub(crate) struct Connection {
    permits: Arc<Semaphore>,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    cut: bool,
    next: u64,
    open: BTreeMap<u64, Line>,
}

/// The connection was cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WasCut;

impl Connection {
    pub(crate) fn new(streams_max: usize) -> Self {
        let permits = Arc::new(Semaphore::new(streams_max.min(Semaphore::MAX_PERMITS)));
        Self {
            permits,
            lines: Mutex::default(),
        }
    }

    /// Waits until one more stream is allowed.
    pub(crate) async fn permit(&self) -> Result<OwnedSemaphorePermit, WasCut> {
        Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| WasCut)
    }

    /// Counts a stream until the last copy of its ticket is dropped.
    pub(crate) fn add(
        connection: &Arc<Self>,
        permit: OwnedSemaphorePermit,
        line: &Line,
    ) -> Result<Arc<Ticket>, WasCut> {
        let mut lines = connection.lock();
        if lines.cut {
            return Err(WasCut);
        }
        let id = lines.next;
        lines.next += 1;
        lines.open.insert(id, line.clone());
        drop(lines);
        Ok(Arc::new(Ticket {
            connection: Arc::clone(connection),
            id,
            mute: Default::default(),
            kept: Mutex::default(),
            _permit: permit,
        }))
    }

    /// Streams that are open.
    pub(crate) fn streams(&self) -> usize {
        self.lock().open.len()
    }

    /// Cuts every stream; no further one begins. Only those that hear of it are told.
    pub(crate) fn cut(&self, told: Told) {
        let mut lines = self.lock();
        lines.cut = true;
        let open = std::mem::take(&mut lines.open);
        drop(lines);
        self.permits.close();
        for line in open.values() {
            match told {
                Told::Both => line.cut(),
                Told::One(end) => line.cut_end(end),
                Told::Nobody => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which ends hear that a connection was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Both,
    One(End),
    Nobody,
}

/// One stream of a connection; each of its four halves holds a copy.
#[derive(Debug)]
pub(crate) struct Ticket {
    connection: Arc<Connection>,
    id: u64,
    /// By end: something that it said was not heard.
    mute: [AtomicBool; 2],
    kept: Mutex<Vec<Kept>>,
    _permit: OwnedSemaphorePermit,
}

impl Ticket {
    pub(crate) fn set_mute(&self, end: End) {
        self.mute_of(end).store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_mute(&self, end: End) -> bool {
        self.mute_of(end).load(Ordering::SeqCst)
    }

    pub(crate) fn keep(&self, half: Kept) {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(half);
    }

    const fn mute_of(&self, end: End) -> &AtomicBool {
        let [near, far] = &self.mute;
        match end {
            End::Near => near,
            End::Far => far,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.connection.lock().open.remove(&self.id);
    }
}
