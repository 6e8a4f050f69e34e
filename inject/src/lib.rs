//! Named error injection points, handed in, counted and awaited; compiled out unless asked for.
//!
//! Take this crate alone if you want tests to stop your code at a named line, look around, and let it go on, fail
//! or stay there, without a process-wide switch that two tests would fight over, and without anything of it in a
//! release build.
//!
//! # Map
//!
//! - [`Injector`]: the handle that a program is given; tests turn points on and off with it, the product enters.
//! - [`Entered`]: what a point hands to the code that came by; it carries [`Params`] and receives [`Message`]s.
//! - [`Held`], [`WaitError`], [`EntriesError`]: how a wait ended.
//!
//! # Example
//!
//! ```
//! use std::future::pending;
//! use tidegate_inject::{Held, Injector, Params};
//!
//! /// The product: stops before it attaches, if a test asked for it.
//! async fn attach(injector: Injector, shutdown: impl Future<Output = ()>) -> &'static str {
//!     match injector.hold("doc::before_attach", shutdown).await {
//!         Held::Interrupted => "stopped",
//!         Held::Absent | Held::Disabled | Held::Message(_) => "attached",
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let injector = Injector::new();
//! injector.enable("doc::before_attach", Params::once());
//! // Only a build with the feature `injection` has points; all others have nothing to turn on.
//! assert_eq!(injector.is_enabled("doc::before_attach"), Injector::COMPILED_IN);
//!
//! let product = tokio::spawn(attach(injector.clone(), pending()));
//! injector.message("doc::before_attach", "go on");
//! assert_eq!(product.await?, "attached");
//! # Ok(()) }
//! ```
//!
//! # Invariants
//!
//! - I-inject-1. Two injectors share nothing: a point turned on in one test is off in every other.
//! - I-inject-2. Without the feature `injection` an [`Injector`] has size zero, [`Injector::is_enabled`] is `false`
//!   and [`Injector::enter`] is `None`, whatever was enabled.
//! - I-inject-3. A one-shot point is entered once, however many threads come by.
//! - I-inject-4. No message is lost to timing: an entry reads what was sent since its point was enabled, also what
//!   was sent before it came by (up to [`MESSAGES_KEPT`]).
//! - I-inject-5. Disabling a point, and enabling it anew, releases everyone who waits in it.
//!
//! # Deliberately absent
//!
//! A global registry, points that sleep or panic on their own (the code that enters decides what happens), and any
//! way to reach a point from a release build.

#[cfg(not(feature = "injection"))]
mod absent;
#[cfg(feature = "injection")]
mod active;
mod message;
mod outcome;
mod params;

#[cfg(not(feature = "injection"))]
pub use crate::absent::{Entered, Injector};
#[cfg(feature = "injection")]
pub use crate::active::{Entered, Injector};
pub use crate::message::{MESSAGES_KEPT, Message};
pub use crate::outcome::{EntriesError, Held, WaitError};
pub use crate::params::Params;
