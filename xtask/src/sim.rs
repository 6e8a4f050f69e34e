//! The simulation: builds its program, and hands on what it is asked.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::release::Release;
use crate::step::{Context, Outcome};

/// The program of the simulation, and of the model.
pub(crate) const SIM: Release = Release("tidegate-sim");

/// What the program of the simulation does besides running seeds.
const COMMANDS: &[&str] = &["run", "audit", "scripts", "help"];

/// Of every check, some seeds of everybody's.
const SEEDS: &str = "300";
/// Seeds that are run again and again, and must happen the same each time.
const AUDITED: &str = "50";

/// Seeds with the product's own metadata log, and those of them that are audited.
const RAFT_SEEDS: &str = "60";
const RAFT_AUDITED: &str = "10";

pub(crate) const HELP: &str = "\
What can be asked:
  --seeds N      so many seeds
  --from S       the first of them
  --jobs J       so many at a time
  --minutes M    as many as fit
  --seed S       this one, and what went wrong in it
  --trace        everything that happens in it
  --metadata M   the metadata log that the nodes have: simulated, or raft
  --json         one object on stdout and nothing else; sim/README.md says what is in it

cargo xtask sim audit [--seeds N]      each seed again and beside others: must happen the same
cargo xtask sim scripts [--only NAME]  what random faults rarely hit, by hand; --list names them

The first time builds it, which takes minutes. `cargo xtask sim run --help`, `sim audit --help` and `sim scripts --help` say \
the rest.

Exits with 0 when nothing was found, 1 after a violation, 2 when it could not be run as asked.";

/// What to hand on.
#[derive(Debug, Args)]
pub(crate) struct Words {
    /// Handed on as it is
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    words: Vec<OsString>,
}

impl Words {
    /// What the program is asked: a command, or else seeds.
    fn for_sim(self) -> Vec<OsString> {
        let Self { mut words } = self;
        let is_command = |word: &OsString| word.to_str().is_some_and(|word| COMMANDS.contains(&word));
        if !words.first().is_some_and(is_command) {
            words.insert(0, "run".into());
        }
        words
    }

    /// Just what was said.
    pub(crate) fn all(self) -> Vec<OsString> {
        self.words
    }

    pub(crate) fn after(self, command: &str) -> Vec<OsString> {
        std::iter::once(command.into()).chain(self.words).collect()
    }
}

/// `cargo xtask sim …`.
pub(crate) fn hand_on(context: &Context, words: Words) -> Result<ExitCode> {
    SIM.take_over(context, &words.for_sim())
}

/// The step: seeds, and that they decide everything.
pub(crate) fn run(context: &Context) -> Result<Outcome> {
    SIM.build(context)?;
    SIM.process(context, &["run", "--seeds", SEEDS].map(OsString::from))
        .run()?;
    SIM.process(context, &["audit", "--seeds", AUDITED].map(OsString::from))
        .run()?;
    let on_raft = |words: [&str; 3]| {
        let words = words.into_iter().chain(["--metadata", "raft"]);
        SIM.process(context, &words.map(OsString::from).collect::<Vec<_>>())
            .run()
    };
    on_raft(["run", "--seeds", RAFT_SEEDS])?;
    on_raft(["audit", "--seeds", RAFT_AUDITED])?;
    Ok(Outcome::Passed(format!(
        "{SEEDS} seeds, {AUDITED} of them audited; on Raft {RAFT_SEEDS}, {RAFT_AUDITED} of them audited"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: &[&str]) -> Vec<String> {
        let words = words.iter().map(OsString::from).collect();
        Words { words }
            .for_sim()
            .into_iter()
            .map(|word| word.into_string().unwrap_or_default())
            .collect()
    }

    #[test]
    fn seeds_are_what_is_asked_where_no_command_is_named() {
        assert_eq!(asked(&[]), ["run"]);
        assert_eq!(
            asked(&["--seed", "7", "--trace"]),
            ["run", "--seed", "7", "--trace"]
        );
        assert_eq!(asked(&["audit", "--seeds", "2"]), ["audit", "--seeds", "2"]);
        assert_eq!(asked(&["scripts", "--json"]), ["scripts", "--json"]);
    }
}
