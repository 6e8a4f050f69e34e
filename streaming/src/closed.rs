//! A look at the guard that costs next to nothing.

use std::future::poll_fn;
use std::task::Poll;

use tidegate_guard::SharedGuard;

/// Completes if the session has begun to close when it is polled; wakes nobody.
///
/// For the first branch of a `select!` whose next is mostly ready and whose last is the guard's `closing()`: the cause
/// that must win is looked at first, and a waker is put on the guard's list only by those who do wait. A session that
/// begins to close between the two looks finds the second, as `closing()` looks again once its waker is there.
pub(crate) async fn closed_by_now(guard: &SharedGuard) {
    poll_fn(|_| match guard.closing().has_begun() {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}
