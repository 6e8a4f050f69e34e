//! Asks whoever sits there before what cannot be taken back.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use super::Failure;
use super::output::note;

/// Says what would happen, and goes on only if somebody says yes. `what` is what would be done, `would` tells what
/// follows from it.
pub(super) fn consent(
    what: &str,
    would: impl FnOnce() -> Result<String, Failure>,
    question: &str,
) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::arguments(
            format!("{what}, and nobody is here to ask"),
            "--dry-run to see what would happen, --yes to do it",
        ));
    }
    note(&would()?);
    // Where nobody reads it, there is nobody to say yes.
    let _ = write!(io::stderr(), "{question} [y/N] ");
    let mut answer = String::new();
    // What cannot be read is no yes.
    let _ = io::stdin().lock().read_line(&mut answer);
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err(Failure::Declined)
    }
}
