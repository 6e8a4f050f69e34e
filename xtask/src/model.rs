//! The model: built with the simulation, which it is a command of.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;

use crate::sim::{Words, build, hand_to_program, program};
use crate::step::{Context, Outcome};

pub(crate) const HELP: &str = "\
What can be asked:
  --size small|medium|large   what of the protocol is in it: seconds, minutes, more
  --json                      one object on stdout and nothing else";

/// `cargo xtask model …`.
pub(crate) fn hand_on(context: &Context, words: Words) -> Result<ExitCode> {
    hand_to_program(context, &words.after("model"))
}

/// The step: the small one, whole.
pub(crate) fn run(context: &Context) -> Result<Outcome> {
    build(context)?;
    program(context, &["model", "--size", "small"].map(OsString::from)).run()?;
    Ok(Outcome::passed())
}
