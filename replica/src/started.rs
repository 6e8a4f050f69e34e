//! Work that goes on to its end, whoever waits for it.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use thiserror::Error;

/// The work panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a call into the engine panicked")]
pub(crate) struct Panicked;

/// Starts work that is not to be abandoned, and waits for its end. What ends at once ends here; the rest goes on in a
/// task of its own.
///
/// # Cancel safety
///
/// Dropped, it stops waiting, and nothing else.
pub(crate) async fn started<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Panicked> {
    // Nobody else sees what a panic has left behind: it is dropped with the work.
    let mut work = Box::pin(AssertUnwindSafe(work).catch_unwind());
    // No waker: the task polls it anew. Nothing comes between the two, so it cannot be dropped there.
    if let Some(ended) = work.as_mut().now_or_never() {
        return ended.map_err(|_| Panicked);
    }
    match tokio::spawn(work).await {
        Ok(ended) => ended.map_err(|_| Panicked),
        Err(_) => Err(Panicked),
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_ends_at_once_needs_no_task() {
        let (task, here) = (tokio::task::try_id(), started(async { tokio::task::try_id() }));
        assert_eq!(here.await.unwrap(), task);
    }

    #[tokio::test]
    async fn what_does_not_end_at_once_goes_on_without_whoever_waits() {
        let (go, gone) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        let mut waiting = Box::pin(started(async move {
            let word = gone.await;
            tell.send(word)
        }));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(waiting);
        go.send("word").unwrap();
        assert_eq!(told.await.unwrap(), Ok("word"));
    }

    #[tokio::test]
    async fn a_panic_is_told_and_not_passed_on() {
        let at_once = started::<()>(async { panic!("at once") });
        assert_eq!(at_once.await, Err(Panicked));
        let later = started::<()>(async {
            tokio::task::yield_now().await;
            panic!("later")
        });
        assert_eq!(later.await, Err(Panicked));
    }
}
