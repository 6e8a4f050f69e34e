//! The model: built with the simulation, which it is a command of.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;

use crate::sim::{SIM, Words};
use crate::step::{Context, Outcome};

pub(crate) const HELP: &str = "\
What can be asked:
  --size small|medium|large   how much is in it: seconds, minutes (unless it is said), more
  --json                      one object on stdout and nothing else

Exits with 0 when every property holds, 1 when one does not, 2 when it could not be run as asked.";

/// `cargo xtask model …`.
pub(crate) fn hand_on(context: &Context, words: Words) -> Result<ExitCode> {
    SIM.take_over(context, &words.after("model"))
}

/// The step: the small one, whole.
pub(crate) fn run(context: &Context) -> Result<Outcome> {
    SIM.build(context)?;
    SIM.process(context, &["model", "--size", "small"].map(OsString::from))
        .run()?;
    Ok(Outcome::passed())
}
