//! The streams that one node has open towards another, cut together.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_transport::pipe::Line;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
            _permit: permit,
        }))
    }

    /// Cuts every stream; no further one begins.
    pub(crate) fn cut(&self) {
        let mut lines = self.lock();
        lines.cut = true;
        let open = std::mem::take(&mut lines.open);
        drop(lines);
        self.permits.close();
        for line in open.values() {
            line.cut();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One stream of a connection; each of its four halves holds a copy.
#[derive(Debug)]
pub(crate) struct Ticket {
    connection: Arc<Connection>,
    id: u64,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.connection.lock().open.remove(&self.id);
    }
}
