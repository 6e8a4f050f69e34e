//! How much memory something takes, in a process of its own.
//!
//! In a process that has worked before, what is freed is used again, and the resident memory tells nothing. So this
//! program starts itself once more, with nothing else to do.

use std::env::current_exe;
use std::process::Command;

use anyhow::{Context as _, Error, Result, bail, ensure};
use clap::ValueEnum;

use crate::cases;
use crate::process::memory_bytes;

/// What can be built to see what it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Growth {
    Sessions,
    SessionsAtOnce,
    TokensAndTrackers,
    Tablets,
}

impl Growth {
    /// By how many bytes this process grows when it builds `count` of it.
    fn here(self, count: u32) -> Result<u64> {
        match self {
            Self::Sessions => cases::guard::footprint::sessions(count),
            Self::SessionsAtOnce => cases::guard::footprint::sessions_at_once(count),
            Self::TokensAndTrackers => cases::guard::footprint::tokens_and_trackers(count),
            Self::Tablets => cases::scale::footprint::tablets(count),
        }
    }
}

/// By how much a new process grows when it builds `count` of it.
///
/// # Errors
///
/// It could not be started, or failed.
pub(crate) fn measure(growth: Growth, count: u32) -> Result<u64> {
    let name = growth.to_possible_value().context("it has a name")?;
    let child = Command::new(current_exe()?)
        .args(["--child", "growth", name.get_name(), &count.to_string()])
        .output()
        .context("starting this program once more")?;
    ensure!(
        child.status.success(),
        "{}",
        String::from_utf8_lossy(&child.stderr)
    );
    let bytes = String::from_utf8(child.stdout)?;
    bytes.trim().parse().context("what it printed is no number")
}

/// Measures it in this process, and prints it.
///
/// # Errors
///
/// The words do not name it and a count, it could not be built, or the system does not tell.
pub(crate) fn child(words: &[String]) -> Result<()> {
    let [name, count] = words else {
        bail!("not a name and a count: {words:?}");
    };
    let growth = Growth::from_str(name, false).map_err(Error::msg)?;
    println!("{}", growth.here(count.parse()?)?);
    Ok(())
}

/// By how many resident bytes this process grows by what `build` makes.
///
/// # Errors
///
/// The system does not tell.
pub(crate) fn of<T>(build: impl FnOnce() -> T) -> Result<u64> {
    let before = memory_bytes()?;
    let built = build();
    let after = memory_bytes()?;
    drop(built);
    Ok(after.saturating_sub(before))
}
