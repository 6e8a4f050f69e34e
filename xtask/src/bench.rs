//! `cargo xtask bench`: built as for users, and handed the words after it.

use std::process::ExitCode;

use anyhow::Result;

use crate::release::Release;
use crate::sim::Words;
use crate::step::Context;

/// What the program itself says of its words.
pub(crate) const HELP: &str = "\
Words:
  --quick        fewer rounds, bytes and variants: under ten minutes
  --only NAME    only the cases whose names begin so; may be given again
  --list         names the cases, and runs none
  --out FILE     where the figures go as JSON [default: bench/results/latest.json; with --only nowhere]

Exits with 1 if a bound is missed or a case fails. Leave the machine alone meanwhile.";

/// `cargo xtask bench …`.
pub(crate) fn hand_on(context: &Context, words: Words) -> Result<ExitCode> {
    Release("tidegate-bench").take_over(context, &words.all())
}
