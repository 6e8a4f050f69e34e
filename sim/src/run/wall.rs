//! A run whose virtual time stands still never ends by itself: somebody looks at the clock on the wall.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

/// Tells a run that it takes too long, from a thread of its own: virtual time cannot tell.
#[derive(Debug)]
pub(super) struct Wall {
    told: oneshot::Receiver<()>,
    /// Dropped with the run: the thread ends.
    _runs: SyncSender<()>,
}

impl Wall {
    pub(super) fn new(max: Duration) -> io::Result<Self> {
        let (tell, told) = oneshot::channel();
        let (runs, ended) = sync_channel(1);
        thread::Builder::new().name("wall".to_owned()).spawn(move || {
            if ended.recv_timeout(max) == Err(RecvTimeoutError::Timeout) {
                // A run that has ended meanwhile need not be told.
                let _ = tell.send(());
            }
        })?;
        Ok(Self { told, _runs: runs })
    }

    /// Completes when the time is up, while other tasks have their turns again and again.
    pub(super) async fn is_reached(&mut self) {
        if (&mut self.told).await.is_err() {
            std::future::pending().await
        }
    }
}
