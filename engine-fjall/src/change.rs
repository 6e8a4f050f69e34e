//! The changes: what the committer runs, one at a time.

mod adopt;
mod append;
mod attach;
mod discard;
mod fold;
mod purge;
mod remove;
mod stage;
mod write;

pub(crate) use self::attach::Attached;
pub(crate) use self::fold::{FoldStep, fold_chunk};
pub(crate) use self::purge::PurgeStep;
pub(crate) use self::write::by_key;

#[cfg(test)]
mod guard_tests;
#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;
