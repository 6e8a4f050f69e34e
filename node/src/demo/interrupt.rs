//! What ends the demo early: Ctrl-C, and what else asks a program to end.

use anyhow::{Context, Result};

/// Completes when somebody asks this program to end.
///
/// # Errors
///
/// Nobody can be listened to.
///
/// # Cancel safety
///
/// Safe: it only waits. Once polled, this program is not ended by what it listens to.
#[cfg(unix)]
pub(crate) async fn interrupted() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let listen = |kind| signal(kind).context("listening for signals");
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

/// Completes when somebody asks this program to end.
///
/// # Errors
///
/// Nobody can be listened to.
///
/// # Cancel safety
///
/// Safe: it only waits. Once polled, this program is not ended by what it listens to.
#[cfg(not(unix))]
pub(crate) async fn interrupted() -> Result<()> {
    tokio::signal::ctrl_c().await.context("listening for Ctrl-C")
}
