//! All cases, in the order in which they run.

mod control;
pub(crate) mod guard;
mod moves;
mod requests;
pub(crate) mod scale;
mod stream;

use anyhow::{Result, bail};

use crate::case::Entry;
use crate::growth;

/// Every case there is.
pub(crate) fn all() -> Vec<Entry> {
    let groups = [
        guard::entries(),
        stream::entries(),
        moves::entries(),
        control::entries(),
        requests::entries(),
        scale::entries(),
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
        [group, words @ ..] if group == "growth" => growth::child(words),
        _ => bail!("no case has a process for {words:?}"),
    }
}
