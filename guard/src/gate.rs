//! What a session counts its holders with.

mod waiters;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use thiserror::Error;

use self::waiters::{WaiterKey, Waiters};
use crate::primitive::{AtomicUsize, Ordering, fence};

const CLOSED: usize = 1;
const ENTRY: usize = 2;

/// Counts holders; refuses entry once closed; reports when it is closed and empty.
///
/// One word holds the closed bit and the count, so that whoever sees the one sees the other. A closed gate never
/// opens again.
pub struct Gate {
    word: AtomicUsize,
    waiters: Waiters,
}

/// The gate is closed: nobody enters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the gate is closed")]
pub struct GateClosed;

impl Gate {
    /// An open gate that nobody holds.
    #[must_use]
    pub fn new() -> Self {
        Self { word: AtomicUsize::new(0), waiters: Waiters::new() }
    }

    /// Enters, until the entry is dropped.
    ///
    /// # Errors
    ///
    /// [`GateClosed`] once [`close`](Self::close) was called.
    pub fn enter(&self) -> Result<Entry<'_>, GateClosed> {
        self.admit()?;
        Ok(Entry { gate: self })
    }

    /// Enters, until the entry is dropped; the entry owns a share of the gate.
    ///
    /// # Errors
    ///
    /// [`GateClosed`] once [`close`](Self::close) was called.
    pub fn enter_owned(self: &Arc<Self>) -> Result<OwnedEntry, GateClosed> {
        self.admit()?;
        Ok(OwnedEntry { gate: Arc::clone(self) })
    }

    /// Refuses all further entry and wakes every holder; answers whether this call was the first.
    pub fn close(&self) -> bool {
        // AcqRel: Release pairs with the Acquire of `check` and `is_drained`, so that whoever sees the bit sees
        // what happened before the close; Acquire pairs with the Release of `leave`.
        let before = self.word.fetch_or(CLOSED, Ordering::AcqRel);
        if before & CLOSED != 0 {
            return false;
        }
        self.waiters.wake_all();
        true
    }

    /// Fails from the moment the gate is closed, though it is still held.
    ///
    /// # Errors
    ///
    /// [`GateClosed`] once [`close`](Self::close) was called.
    pub fn check(&self) -> Result<(), GateClosed> {
        // Acquire pairs with the Release in `close`.
        if self.word.load(Ordering::Acquire) & CLOSED == 0 { Ok(()) } else { Err(GateClosed) }
    }

    /// How many entries are held now.
    #[must_use]
    pub fn holders(&self) -> usize {
        self.word.load(Ordering::Relaxed) / ENTRY
    }

    /// Whether the gate is closed and nobody holds it.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        // Acquire pairs with the Release in `leave`: what the last holder did is visible to whoever sees it gone.
        self.word.load(Ordering::Acquire) == CLOSED
    }

    /// Completes when the gate is closed.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub fn closing(&self) -> Closing<'_> {
        Closing { wait: Some(Wait { gate: self, key: None }) }
    }

    /// Completes when the gate is closed and the last holder is gone.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits; a dropped wait does not reopen the gate.
    pub fn drained(&self) -> Drained<'_> {
        Drained { wait: Wait { gate: self, key: None } }
    }

    fn admit(&self) -> Result<(), GateClosed> {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & CLOSED != 0 {
                return Err(GateClosed);
            }
            // Acquire on success: what the holder does next cannot move before its entry. Count and bit are one
            // word, so a close that the exchange did not see comes after the entry and is held up by it.
            match self.word.compare_exchange_weak(word, word + ENTRY, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(seen) => word = seen,
            }
        }
    }

    fn leave(&self) {
        // Release pairs with the Acquire in `is_drained` and the fence below.
        let before = self.word.fetch_sub(ENTRY, Ordering::Release);
        if before == CLOSED | ENTRY {
            fence(Ordering::Acquire);
            self.waiters.wake_all();
        }
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("closed", &self.check().is_err())
            .field("holders", &self.holders())
            .finish_non_exhaustive()
    }
}

/// One holder of a gate.
#[derive(Debug)]
pub struct Entry<'a> {
    gate: &'a Gate,
}

impl Entry<'_> {
    /// The gate that is held.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        self.gate
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.gate.leave();
    }
}

/// One holder of a gate that owns a share of it.
#[derive(Debug)]
pub struct OwnedEntry {
    gate: Arc<Gate>,
}

impl OwnedEntry {
    /// The gate that is held.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.gate
    }
}

impl Drop for OwnedEntry {
    fn drop(&mut self) {
        self.gate.leave();
    }
}

struct Wait<'a> {
    gate: &'a Gate,
    key: Option<WaiterKey>,
}

impl Wait<'_> {
    fn poll(&mut self, context: &Context<'_>, done: impl Fn(&Gate) -> bool) -> Poll<()> {
        if done(self.gate) {
            return Poll::Ready(());
        }
        self.key = Some(self.gate.waiters.register(self.key.take(), context.waker()));
        // Looked at again after registering: a close, or the last leave, that took the list of wakers before this
        // one was on it had flipped the word before it took the list, so the lock shows the flip here.
        if done(self.gate) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.gate.waiters.forget(key);
        }
    }
}

/// Completes when the gate begins to close, see [`Gate::closing`].
#[must_use = "a future does nothing unless awaited"]
pub struct Closing<'a> {
    wait: Option<Wait<'a>>,
}

impl Closing<'_> {
    /// A wait that never ends, for guards whose session never closes.
    pub const fn never() -> Self {
        Self { wait: None }
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
        f.debug_struct("Closing").finish_non_exhaustive()
    }
}

/// Completes when the gate is closed and empty, see [`Gate::drained`].
#[must_use = "a future does nothing unless awaited"]
pub struct Drained<'a> {
    wait: Wait<'a>,
}

impl Future for Drained<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.wait.poll(context, Gate::is_drained)
    }
}

impl fmt::Debug for Drained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drained").finish_non_exhaustive()
    }
}
