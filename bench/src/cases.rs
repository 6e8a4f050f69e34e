//! All cases, in the order in which they run.

mod control;
mod moves;
mod requests;
mod stream;

use anyhow::{Result, bail};

use crate::case::Entry;

/// Every case there is.
pub(crate) fn all() -> Vec<Entry> {
    let groups = [
        stream::entries(),
        moves::entries(),
        control::entries(),
        requests::entries(),
    ];
    groups.into_iter().flatten().collect()
}

/// What a process does that a case has started: this program again.
///
/// # Errors
///
/// The words mean nothing, or what they mean failed.
pub(crate) fn child(words: &[String]) -> Result<()> {
    match words {
        [group, words @ ..] if group == "move" => moves::child(words),
        _ => bail!("no case has a process for {words:?}"),
    }
}
