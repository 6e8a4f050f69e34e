//! Waits at a gate.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Gate;
use super::waiters::WaiterKey;

/// Completes when the gate begins to close, see [`Gate::closing`].
#[must_use = "a future does nothing unless awaited"]
pub struct Closing<'a> {
    wait: Option<Wait<'a>>,
}

impl<'a> Closing<'a> {
    /// A wait that never ends, for guards whose session never closes.
    pub const fn never() -> Self {
        Self { wait: None }
    }

    pub(super) const fn at(gate: &'a Gate) -> Self {
        Self {
            wait: Some(Wait::at(gate)),
        }
    }

    /// Whether it would complete now: one load, and nobody is woken by it later. A look for those who have something
    /// else to do and mean to wait only after it; it permits no step, which [`Gate::check`] does.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.wait.as_ref().is_some_and(|wait| wait.gate.check().is_err())
    }
}

impl Future for Closing<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.wait {
            Some(wait) => wait.poll(context, |gate| gate.check().is_err()),
            None => Poll::Pending,
        }
    }
}

impl fmt::Debug for Closing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closing")
            .field("gate", &self.wait.as_ref().map(|wait| wait.gate))
            .finish()
    }
}

/// Completes when the gate is closed and empty, see [`Gate::drained`].
#[must_use = "a future does nothing unless awaited"]
pub struct Drained<'a> {
    wait: Wait<'a>,
}

impl<'a> Drained<'a> {
    pub(super) const fn at(gate: &'a Gate) -> Self {
        Self { wait: Wait::at(gate) }
    }
}

impl Future for Drained<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.wait.poll(context, Gate::is_drained)
    }
}

impl fmt::Debug for Drained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drained").field("gate", self.wait.gate).finish()
    }
}

/// One waiter: at most one waker on the list, none after its end or its drop.
struct Wait<'a> {
    gate: &'a Gate,
    key: Option<WaiterKey>,
}

impl<'a> Wait<'a> {
    const fn at(gate: &'a Gate) -> Self {
        Self { gate, key: None }
    }

    fn poll(&mut self, context: &Context<'_>, done: impl Fn(&Gate) -> bool) -> Poll<()> {
        if !done(self.gate) {
            self.key = Some(self.gate.waiters.register(self.key, context.waker()));
            // Looked at again after registering. A close, or the last leave, flips the word before it takes the
            // list. Either it took the list after this waker was on it, and wakes it; or before, and then the
            // list's lock, taken later by `register`, makes the flip visible to this look.
            if !done(self.gate) {
                return Poll::Pending;
            }
        }
        self.forget();
        Poll::Ready(())
    }

    fn forget(&mut self) {
        if let Some(key) = self.key.take() {
            self.gate.waiters.forget(key);
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.forget();
    }
}
