//! The oracle: what clients were told, against what is there.
//!
//! It knows clients, rows, replica sets and nothing else: no flags, no coordinator, no sessions. Clients tell the
//! [`Ledger`] what they are about to do and what they were told; [`mod@verify`] then reads every replica's engine
//! directly, and every key through the cluster, and says what was lost, what came back, and what lies where it
//! should not.
//!
//! # What a client may be told
//!
//! At most one operation is under way per key. Once it is acknowledged, the key has that state. One whose outcome
//! is unknown may have taken effect, or may yet: both states are right until a later operation is acknowledged, or
//! a read has shown which it was.
//!
//! # What a replica may hold
//!
//! Acknowledged means held by a quorum, so any one replica may lack a row or hold an older one. But a key that was
//! deleted, and whose tombstone was purged everywhere, must have no value on any replica: nothing would cover it.

mod digest;
mod ledger;
mod told;
mod verdict;
mod verify;

#[cfg(test)]
mod tests;

pub(crate) use self::ledger::{Intent, Ledger, Pending};
pub(crate) use self::verdict::Verdict;
pub(crate) use self::verify::{ReadThrough, View, verify};
