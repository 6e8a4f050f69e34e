//! Gates, guards and frozen guards: proof that an effect happens inside an open session.
//!
//! (book page to come: the crate's owner completes it)

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
