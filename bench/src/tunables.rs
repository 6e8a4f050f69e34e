//! Copies that take as long wherever they lie.
//!
//! The C library copies what is longer than two KiB with `rep movsb` where the processor calls that fast. On AMD's Zen
//! 3 and 4 it is not where the target lies a few bytes above the source in its page: 16 KiB take 5.6 us then, and 0.2 us
//! elsewhere (glibc 2.36; sourceware.org/bugzilla/show_bug.cgi?id=30994). Which of the two a TLS record or a table block
//! meets is decided by what was allocated before, and stays so for seconds: any way of a case may go at half its speed
//! in one round and not in the next. So this is switched off for all ways alike, as glibc's own remedy does.

use anyhow::Result;

const VARIABLE: &str = "GLIBC_TUNABLES";

/// What is set, for a reader of the figures.
pub(crate) fn set() -> Option<String> {
    std::env::var(VARIABLE).ok()
}

/// Starts this program anew with copies that do not depend on where they lie; once, and only where nobody has said
/// otherwise: the variable may be set to nothing.
///
/// # Errors
///
/// The system cannot start it.
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
pub(crate) fn apply() -> Result<()> {
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    if set().is_some() {
        return Ok(());
    }
    let mut again = Command::new(std::env::current_exe()?);
    again
        .args(std::env::args_os().skip(1))
        .env(VARIABLE, "glibc.cpu.x86_rep_movsb_threshold=1073741824");
    // Comes back only with an error.
    Err(again.exec().into())
}

/// Elsewhere copies are as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64")))]
pub(crate) fn apply() -> Result<()> {
    Ok(())
}
