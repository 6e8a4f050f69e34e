//! What the operating system tells a node.

use anyhow::{Context as _, Result};
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

#[cfg(unix)]
fn listen(kind: SignalKind) -> Result<Signal> {
    signal(kind).context("listening for signals")
}

/// What asks a node to stop, or to read its certificates again. Once there is one, nothing of that ends the process by
/// itself: a hangup that comes while the node starts waits for [`Hangups`].
#[derive(Debug)]
pub(super) struct Signals {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(unix)]
    hangup: Option<Signal>,
}

/// What asks a node to read its certificates again.
#[derive(Debug)]
pub(super) struct Hangups {
    #[cfg(unix)]
    hangup: Option<Signal>,
}

impl Signals {
    #[cfg(unix)]
    pub(super) fn listen() -> Result<Self> {
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: Some(listen(SignalKind::hangup())?),
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

    /// The hangups, those since the beginning counted as one; there are none the second time.
    #[cfg(unix)]
    pub(super) const fn hangups(&mut self) -> Hangups {
        Hangups {
            hangup: self.hangup.take(),
        }
    }

    #[cfg(not(unix))]
    pub(super) const fn hangups(&mut self) -> Hangups {
        Hangups {}
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
        let heard = match &mut self.hangup {
            Some(hangup) => hangup.recv().await,
            None => None,
        };
        if heard.is_none() {
            std::future::pending::<()>().await;
        }
    }

    #[cfg(not(unix))]
    pub(super) async fn next(&mut self) {
        std::future::pending().await
    }
}
