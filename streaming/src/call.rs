//! Calls into an engine, which are never abandoned.

use std::sync::Arc;
use std::time::Duration;

use tidegate_guard::{Rejected, SharedGuard};
use tokio::time::sleep;
use tracing::Instrument as _;

use crate::EngineError;

/// Why a call gave no result.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The session begins to close; the call goes on under its own guard.
    Closing,
    /// The call takes too long; it goes on under its own guard.
    TimedOut(Duration),
    Engine(EngineError),
}

/// Runs a call into an engine in a task of its own, which holds the guard until the call has really ended, and
/// waits for its result. Dropped, it stops waiting, and nothing else.
pub(crate) async fn call<T: Send + 'static>(
    guard: &SharedGuard,
    waited: Duration,
    work: impl Future<Output = Result<T, EngineError>> + Send + 'static,
) -> Result<T, CallError> {
    let own = Arc::clone(guard);
    #[cfg(tidegate_mutants)]
    let own = (!tidegate_mutants::on("engine-call-without-guard")).then_some(own);
    let calling = async move {
        let result = work.await;
        drop(own);
        result
    };
    let task = tokio::spawn(calling.in_current_span());
    tokio::select! {
        biased;
        ended = task => match ended {
            Ok(result) => result.map_err(CallError::from),
            Err(panic) => Err(CallError::Engine(EngineError::Failed(Box::new(panic)))),
        },
        () = guard.closing() => Err(CallError::Closing),
        () = sleep(waited) => Err(CallError::TimedOut(waited)),
    }
}

impl From<EngineError> for CallError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Rejected(Rejected::Closing) => Self::Closing,
            error => Self::Engine(error),
        }
    }
}
