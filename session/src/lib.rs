//! Sessions: open, closing, closed; who holds them, and how to wait until nobody does.
//!
//! Take this crate alone if work with side effects has to be over, provably, before the next step begins, and the
//! list of what may run lives somewhere else: in a replicated log, a database, a configuration. You tell the
//! registry which sessions exist; it hands out guards for those that are open, and tells you when those that are
//! not are empty, or who is still inside. It needs tokio's timers for the deadline of a drain, and no network.
//!
//! # Why
//!
//! The first page of `tidegate-guard` tells the story of the late write: a receiver that belonged to a failed
//! attempt wakes up after the next attempt is through, and writes. With sessions an attempt is over on this node
//! only when its session is *closed*, and it is closed only when the last guard is dropped. A message of that
//! attempt which comes later finds its session closed, and is told so.
//!
//! # Map
//!
//! - [`Sessions`]: the contract, object-safe; [`SessionState`]. Guards come from its supertrait
//!   [`Thaw`](tidegate_guard::Thaw).
//! - [`SessionRegistry`]: the implementation, in memory; [`SessionConfig`], its bounds.
//! - [`SessionBook`], [`OpenSessions`], [`SessionDelta`] and [`may_enter`]: the pure core of it, for whoever checks a
//!   model.
//! - [`NotDrained`] and [`Holder`]: the report of a drain that did not end by its deadline.
//!
//! # Example
//!
//! ```
//! use std::collections::BTreeSet;
//! use std::time::Duration;
//! use tidegate_guard::{FrozenGuard, Label, Rejected, SessionId, Thaw};
//! use tidegate_session::{SessionConfig, SessionRegistry, SessionState, Sessions};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sessions = SessionRegistry::new(SessionConfig::default());
//! let session = SessionId::from_u128(0x5e55)?;
//!
//! // The metadata at epoch 4 has the session: this node opens it, and a request that carries it is let in.
//! sessions.reconcile(&BTreeSet::from([session]));
//! let frozen = FrozenGuard { session, epoch: 4 };
//! let guard = sessions.thaw(&frozen, 4, Label::new("stream.receive").with("peer", 3))?;
//! guard.check()?;
//!
//! // The metadata moves on. Closing never waits; the holder is woken, and nobody else gets in.
//! sessions.reconcile(&BTreeSet::new());
//! assert_eq!(guard.check(), Err(Rejected::Closing));
//!
//! // The drain says who is inside.
//! let left = sessions.drain(&[session], Duration::from_millis(1)).await.unwrap_err();
//! assert_eq!(left.holders[0].label.to_string(), "stream.receive peer=3");
//!
//! drop(guard);
//! sessions.drain(&[session], Duration::from_secs(1)).await?;
//! assert_eq!(sessions.state(session), Some(SessionState::Closed));
//! assert_eq!(sessions.thaw(&frozen, 5, Label::new("late")).unwrap_err(), Rejected::Closed);
//! # Ok(()) }
//! ```
//!
//! # Invariants
//!
//! - I-session-1. A session goes open, closing, closed, and never back; an id that is remembered as closed is not
//!   opened again, nor is one that was told to close before it was told to open.
//! - I-session-2. A session is closed exactly when it was told to close and its last guard is dropped; nobody has
//!   to drain for that.
//! - I-session-3. A frozen guard enters the session it names, and no other.
//! - I-session-4. From the moment a change closes a session nobody enters it, and every guard of it fails its check.
//! - I-session-5. A change (closing, then opening) is one step: changes at once do not mix. It never waits, and runs
//!   no waker under a lock.
//! - I-session-6. A report names all who hold the sessions, at worst one more who has just left; the oldest first.
//! - I-session-7. A drain that ends well finds its sessions closed; one that is dropped changes nothing.
//! - I-session-8. The same history gives the same lists in the same order.
//!
//! The races behind 2 to 5 and 7 run under loom and on plain threads (`src/registry/tests.rs`, `tests/it/races.rs`);
//! 1 is a property test. loom sees the gates, the book's lock and the lists of holders; the index (dashmap) it takes
//! for a map whose every call is one step.
//!
//! # Metrics
//!
//! Through the `metrics` facade, to the recorder that is installed when the registry is made:
//! `tidegate_sessions_opened_total`, `tidegate_sessions_closed_total`, `tidegate_sessions_open`,
//! `tidegate_sessions_closing`, `tidegate_guards_held`, `tidegate_session_drain_seconds` (begin of closing to last
//! holder gone), `tidegate_thaw_rejected_total{reason}`.
//!
//! # Deliberately absent
//!
//! Any knowledge of tablets and epochs beyond the comparison in a thaw; a default session; persistence (what is open
//! lives in the metadata); reopening; aborting a holder (it is told, and named; ending it is its owner's business).

mod config;
mod meters;
mod primitive;
mod registry;
mod report;
mod sessions;

pub use crate::config::SessionConfig;
pub use crate::registry::{OpenSessions, SessionBook, SessionDelta, SessionRegistry, may_enter};
pub use crate::report::{Holder, NotDrained};
pub use crate::sessions::{SessionState, Sessions};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
