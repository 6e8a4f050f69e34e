//! What a session counts its holders with.

mod entry;
#[cfg(all(test, not(tidegate_loom)))]
mod tests;
mod wait;
mod waiters;

use std::fmt;
use std::hint::spin_loop;
use std::sync::Arc;

use thiserror::Error;

pub use self::entry::{Entry, OwnedEntry};
pub use self::wait::{Closing, Drained};
use self::waiters::Waiters;
use crate::primitive::{AtomicUsize, Ordering};

const CLOSED: usize = 1;
const ENTRY: usize = 2;

/// Pauses after a lost exchange. Two threads on two cores of an AMD EPYC had 39 ns for an entry and its end without any,
/// 23 with two, 15 to 26 with eight, by how they fell into step, and 14 to 26 with 16 to 32, over several runs. A pause
/// takes longer on some other processors.
const BACK_OFF: usize = 16;

/// Counts holders; refuses entry once closed; reports when it is closed and empty.
///
/// One word holds the closed bit and the count, so that whoever sees the one sees the other. A closed gate never
/// opens again. An entry that is leaked (`mem::forget`) is held for ever, and no drain of its gate ends.
///
/// # Examples
///
/// ```
/// use tidegate_guard::Gate;
///
/// let gate = Gate::new();
/// let entry = gate.enter()?;
/// assert!(gate.check().is_ok());
/// assert!(gate.close(), "the first to close it");
/// assert!(gate.check().is_err() && gate.enter().is_err());
/// assert!(!gate.is_drained(), "it is closed, and still held");
/// drop(entry);
/// assert!(gate.is_drained());
/// # Ok::<(), tidegate_guard::GateClosed>(())
/// ```
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
        Self {
            word: AtomicUsize::new(0),
            waiters: Waiters::new(),
        }
    }

    /// Enters, until the entry is dropped.
    ///
    /// # Errors
    ///
    /// [`GateClosed`] once [`close`](Self::close) was called.
    #[inline]
    pub fn enter(&self) -> Result<Entry<'_>, GateClosed> {
        self.admit()?;
        Ok(Entry { gate: self })
    }

    /// Enters, until the entry is dropped; the entry owns a share of the gate.
    ///
    /// # Errors
    ///
    /// [`GateClosed`] once [`close`](Self::close) was called.
    #[inline]
    pub fn enter_owned(self: &Arc<Self>) -> Result<OwnedEntry, GateClosed> {
        // The share after the entry: a closed gate refuses without one.
        self.admit()?;
        Ok(OwnedEntry {
            owner: Arc::clone(self),
        })
    }

    /// Enters the gate of `owner`, until the entry is dropped; for a gate that is part of something larger.
    ///
    /// `owner.as_ref()` must name the same gate every time.
    ///
    /// # Errors
    ///
    /// [`GateClosed`] once [`close`](Self::close) was called.
    #[inline]
    pub fn enter_through<O: AsRef<Self>>(owner: O) -> Result<OwnedEntry<O>, GateClosed> {
        owner.as_ref().admit()?;
        Ok(OwnedEntry { owner })
    }

    /// Refuses all further entry and wakes every holder; answers whether this call was the first. Never waits.
    pub fn close(&self) -> bool {
        let first = self.shut();
        if first {
            self.wake();
        }
        first
    }

    /// [`close`](Self::close) without waking; answers whether this call was the first, who then has to call
    /// [`wake`](Self::wake).
    ///
    /// For callers who close under a lock: wakers are foreign code, to be run after it.
    #[must_use = "the first to shut a gate has to wake its waiters"]
    pub fn shut(&self) -> bool {
        // AcqRel: Release pairs with the Acquire of `check` and `is_drained`, so that whoever sees the bit sees
        // what happened before the close; Acquire pairs with the Release of `leave`.
        self.word.fetch_or(CLOSED, Ordering::AcqRel) & CLOSED == 0
    }

    /// Wakes whoever waits here, to look again.
    pub fn wake(&self) {
        #[cfg(tidegate_mutants)]
        if tidegate_mutants::on("close-wakes-nobody") {
            return;
        }
        self.waiters.wake_all();
    }

    /// Fails from the moment the gate is closed, though it is still held: one load.
    ///
    /// # Errors
    ///
    /// [`GateClosed`] once [`close`](Self::close) was called.
    #[inline]
    pub fn check(&self) -> Result<(), GateClosed> {
        // Acquire pairs with the Release in `shut`.
        if self.word.load(Ordering::Acquire) & CLOSED == 0 {
            Ok(())
        } else {
            Err(GateClosed)
        }
    }

    /// How many entries are held now. Where it is none, what those who were inside did is visible to the caller.
    #[must_use]
    pub fn holders(&self) -> usize {
        // Acquire pairs with the Release of every `leave`, as in `is_drained`: whoever sees that nobody is inside may
        // drop the gate, and then there is no other way left by which to see what the holders did.
        self.word.load(Ordering::Acquire) / ENTRY
    }

    /// Whether the gate is closed and nobody holds it.
    #[must_use]
    #[inline]
    pub fn is_drained(&self) -> bool {
        // Acquire pairs with the Release of every `leave`, not of the last alone: entries and leaves are exchanges
        // on the same word, so they continue the release sequence of those before. What any holder did is visible
        // to whoever sees all of them gone.
        #[cfg(tidegate_mutants)]
        if tidegate_mutants::on("gate-released-early") {
            return self.check().is_err();
        }
        self.word.load(Ordering::Acquire) == CLOSED
    }

    /// Completes when the gate is closed.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub const fn closing(&self) -> Closing<'_> {
        Closing::at(self)
    }

    /// Completes when the gate is closed and the last holder is gone.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits; a dropped wait does not reopen the gate.
    pub const fn drained(&self) -> Drained<'_> {
        Drained::at(self)
    }

    #[inline]
    fn admit(&self) -> Result<(), GateClosed> {
        // Relaxed: only a guess for the exchange, which looks again. That a closed gate is refused on this load
        // alone needs no more: the bit is never taken back.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & CLOSED != 0 {
                return Err(GateClosed);
            }
            // Acquire on success: what the holder does next cannot move before its entry. Count and bit are one
            // word, so a close that the exchange did not see comes after the entry and is held up by it.
            match self
                .word
                .compare_exchange(word, word + ENTRY, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return Ok(()),
                Err(_) => word = self.back_off(),
            }
        }
    }

    /// Steps back from a fight for the word, and looks at it anew.
    ///
    /// Whoever lost an exchange and tries again at once takes the cache line from one who is about to leave; the line
    /// goes to and fro with every exchange. Left alone for a moment, the other goes in and out several times while the
    /// line is its own. Whoever waits here lost to somebody who got on: the exchange fails for no other reason.
    #[cold]
    fn back_off(&self) -> usize {
        for _pause in 0..BACK_OFF {
            spin_loop();
        }
        self.word.load(Ordering::Relaxed)
    }

    #[inline]
    fn leave(&self) {
        // Release pairs with the Acquire in `is_drained`: what the holder did comes before its leave for whoever
        // sees it gone. The last to leave learns nothing here of what the others did; who needs that asks
        // `is_drained`, as every wait does.
        if self.word.fetch_sub(ENTRY, Ordering::Release) == CLOSED | ENTRY {
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
