//! Calls into an engine, which are never abandoned.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
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

/// Runs a call into an engine that holds the guard until the call has really ended, and waits for its result. What does
/// not end at once goes on in a task of its own. Dropped, it stops waiting, and nothing else.
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
    // Nobody else sees what a panic has left behind: it is dropped with the call.
    let mut calling = Box::pin(AssertUnwindSafe(calling).catch_unwind());
    // No waker: the task polls it anew. Nothing comes between the two, so it is not dropped there.
    if let Some(ended) = calling.as_mut().now_or_never() {
        return ended_as(ended);
    }
    let task = tokio::spawn(calling.in_current_span());
    tokio::select! {
        biased;
        ended = task => match ended {
            Ok(ended) => ended_as(ended),
            Err(aborted) => Err(CallError::Engine(EngineError::Failed(Box::new(aborted)))),
        },
        () = guard.closing() => Err(CallError::Closing),
        () = sleep(waited) => Err(CallError::TimedOut(waited)),
    }
}

/// What a call came to: its result, or a panic.
fn ended_as<T, P>(ended: Result<Result<T, EngineError>, P>) -> Result<T, CallError> {
    match ended {
        Ok(result) => result.map_err(CallError::from),
        Err(_panic) => Err(CallError::Engine(EngineError::Failed(
            "a call into the engine panicked".into(),
        ))),
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

#[cfg(test)]
mod tests {
    use std::future;

    use tidegate_guard::Unfenced;
    use tokio::sync::oneshot;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_call_that_ends_at_once_needs_no_task() {
        let guard: SharedGuard = Arc::new(Unfenced);
        let (own, held) = (tokio::task::try_id(), Arc::clone(&guard));
        let calling = async move { Ok((tokio::task::try_id(), Arc::strong_count(&held))) };
        let (task, guards) = call(&guard, LONG, calling).await.expect("ended");
        assert_eq!((task, guards), (own, 3), "the call has a guard of its own");
        assert_eq!(Arc::strong_count(&guard), 1, "and lets it go with its end");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_given_up_goes_on_under_its_guard() {
        let guard: SharedGuard = Arc::new(Unfenced);
        let (go, gone) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel();
        let calling = async move {
            drop(gone.await);
            tell.send(()).ok();
            Ok(())
        };
        let late = call(&guard, Duration::from_secs(1), calling).await;
        assert!(matches!(late, Err(CallError::TimedOut(_))), "{late:?}");
        assert_eq!(Arc::strong_count(&guard), 2);
        go.send(()).expect("it waits");
        told.await.expect("it goes on to its end");
        while Arc::strong_count(&guard) > 1 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_panic_in_a_call_is_an_error_of_the_engine() {
        let guard: SharedGuard = Arc::new(Unfenced);
        let at_once = async { panic!("at once") };
        let ended = call::<()>(&guard, LONG, at_once).await;
        assert!(
            matches!(ended, Err(CallError::Engine(EngineError::Failed(_)))),
            "{ended:?}"
        );
        let later = async {
            tokio::task::yield_now().await;
            panic!("later")
        };
        let ended = call::<()>(&guard, LONG, later).await;
        assert!(
            matches!(ended, Err(CallError::Engine(EngineError::Failed(_)))),
            "{ended:?}"
        );
        let never = call::<()>(&guard, Duration::ZERO, future::pending()).await;
        assert!(matches!(never, Err(CallError::TimedOut(_))), "{never:?}");
        assert_eq!(
            Arc::strong_count(&guard),
            2,
            "what never ends holds its guard for ever"
        );
    }
}
