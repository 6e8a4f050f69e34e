//! What the operating system tells a node.

use anyhow::{Context as _, Result};
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

#[cfg(unix)]
fn listen(kind: SignalKind) -> Result<Signal> {
    signal(kind).context("listening for signals")
}

/// What asks a node to stop. Once there is one, nothing of that ends the process by itself.
#[derive(Debug)]
pub(super) struct Signals {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
}

/// What asks a node to read its certificates again.
#[derive(Debug)]
pub(super) struct Hangups {
    #[cfg(unix)]
    hangup: Signal,
}

impl Signals {
    #[cfg(unix)]
    pub(super) fn listen() -> Result<Self> {
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    #[cfg(not(unix))]
    pub(super) fn listen() -> Result<Self> {
        Ok(Self {})
    }

    /// Completes when the node is asked to stop, once for each time.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    #[cfg(unix)]
    pub(super) async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    pub(super) async fn stop(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    #[cfg(unix)]
    pub(super) fn hangups(&self) -> Result<Hangups> {
        let hangup = listen(SignalKind::hangup())?;
        Ok(Hangups { hangup })
    }

    #[cfg(not(unix))]
    pub(super) fn hangups(&self) -> Result<Hangups> {
        Ok(Hangups {})
    }
}

impl Hangups {
    /// Completes with the next one.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    #[cfg(unix)]
    pub(super) async fn next(&mut self) {
        if self.hangup.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    #[cfg(not(unix))]
    pub(super) async fn next(&mut self) {
        std::future::pending().await
    }
}
