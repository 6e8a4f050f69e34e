//! Gates, guards and frozen guards: proof that an effect happens inside an open session.
//!
//! Take this crate alone if your code has side effects that must not outlive the step that asked for them, and
//! whoever drives the steps can say "this one is over". It brings the vocabulary for signatures (a function that
//! has an effect takes a [`Guard`]), a [`Gate`] to count holders with, and no runtime: it works under tokio, under
//! any other executor, and on plain threads.
//!
//! # Why: the story of the late write
//!
//! 1. Tablet T has replicas A, B and C. The write of key K is on all of them.
//! 2. T moves from A to D. The move fails, but leaves a part behind: a receiver on D that holds K and has not
//!    applied it yet. It sits behind a slow disk, a full queue, a paused thread.
//! 3. The move is tried again and succeeds. K is deleted on D, B and C; later the tombstone is purged everywhere.
//! 4. The receiver from step 2 wakes up and applies K on D. K is back. Nobody did anything wrong.
//!
//! Timeouts make this rare, and cancellation is a request, not a fact. What closes it is a rule: every effect of a
//! step runs under a *session*; the step is over only when its session is closed *and nobody is inside any more*;
//! the next step starts after that. This crate is the rule's machinery on one node:
//!
//! - A session is counted by a [`Gate`]. Closing it is one atomic operation that never waits; from then on nobody
//!   enters, every holder is woken, and the last to leave completes [`Gate::drained`].
//! - A [`Guard`] is the proof of being inside. Code that has an effect holds one over the whole effect, calls
//!   [`Guard::check`] before each step of it, and lets go as soon as [`Guard::closing`] completes. An effect that
//!   has begun is not torn down: it is waited for.
//! - A [`FrozenGuard`] is what travels to another node: the session's name and the epoch that wrote it. It blocks
//!   nothing, so a message that is lost or delayed holds nothing up. At its destination it has to be *thawed*
//!   ([`Thaw`]) into a guard, which fails if the session is not open there: the delayed message of step 2 arrives
//!   after step 3, and is told [`Rejected::Closed`].
//! - There is no default session and no sentinel: [`SessionId`] cannot be nil. Callers who fence by other means say
//!   so with [`Unfenced`], by name.
//!
//! # Map
//!
//! - [`Gate`], its entries ([`Entry`], [`OwnedEntry`]) and waits ([`Closing`], [`Drained`]).
//! - [`Guard`] and [`SharedGuard`]; [`Unfenced`].
//! - [`SessionId`], [`FrozenGuard`], [`Thaw`], [`Rejected`], and the [`Label`] that names a holder in reports.
//!
//! A registry of many sessions, with drains that name who holds them, is the crate `tidegate-session`.
//!
//! # Example
//!
//! A guard of one's own takes a dozen lines, and the code under it never learns which one it got:
//!
//! ```
//! use std::sync::Arc;
//! use tidegate_guard::{Closing, Gate, Guard, OwnedEntry, Rejected, SessionId};
//!
//! #[derive(Debug)]
//! struct Inside { session: SessionId, entry: OwnedEntry }
//!
//! impl Guard for Inside {
//!     fn session(&self) -> Option<SessionId> { Some(self.session) }
//!     fn check(&self) -> Result<(), Rejected> { self.entry.gate().check().map_err(|_| Rejected::Closing) }
//!     fn closing(&self) -> Closing<'_> { self.entry.gate().closing() }
//! }
//!
//! /// An effect: asks before it begins, and is covered to its end.
//! fn apply(rows: &mut Vec<u32>, row: u32, guard: &dyn Guard) -> Result<(), Rejected> {
//!     guard.check()?;
//!     rows.push(row);
//!     Ok(())
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let gate = Arc::new(Gate::new());
//! let guard = Inside { session: SessionId::from_u128(7)?, entry: gate.enter_owned()? };
//! let mut rows = Vec::new();
//! apply(&mut rows, 1, &guard)?;
//!
//! gate.close();                                                         // the step is over
//! assert_eq!(apply(&mut rows, 2, &guard), Err(Rejected::Closing));      // nothing new begins
//! assert!(!gate.is_drained());                                          // the next step waits for this holder
//! drop(guard);
//! assert!(gate.is_drained());                                           // now it may start
//! assert_eq!(rows, [1]);
//! # Ok(()) }
//! ```
//!
//! # Invariants
//!
//! - I-guard-1. Nobody enters a closed gate, and a closed gate never opens again.
//! - I-guard-2. A gate is drained only when it is closed and every entry was dropped; what any holder did is visible
//!   to whoever sees it drained.
//! - I-guard-3. From the moment a gate is closed every [`Gate::check`] of it fails; what came before the close is
//!   visible to whoever sees it fail.
//! - I-guard-4. A wait registered before, during or after what it waits for ends; dropping one loses no other.
//! - I-guard-5. Closing never waits, and no foreign code (a waker) runs under a lock of the gate.
//! - I-guard-6. A waiter takes one place on the gate's list, and none after its end or its drop.
//! - I-guard-7. A nil id names no session.
//!
//! 1 to 5 are checked by loom in every interleaving (`tests/loom.rs`) and by plain threads (`tests/it/stress.rs`).
//!
//! # Deliberately absent
//!
//! A runtime and timers; a registry; deadlines (a drain's deadline belongs to who drains); reopening; a guard that
//! is handed out by default.

mod frozen;
mod gate;
mod guard;
mod label;
mod primitive;
mod session_id;
mod thaw;
mod unfenced;

pub use crate::frozen::FrozenGuard;
pub use crate::gate::{Closing, Drained, Entry, Gate, GateClosed, OwnedEntry};
pub use crate::guard::{Guard, SharedGuard};
pub use crate::label::Label;
pub use crate::session_id::{NilSession, SessionId};
pub use crate::thaw::{Rejected, Thaw};
pub use crate::unfenced::Unfenced;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
