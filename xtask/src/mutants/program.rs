//! The simulation, built with all wrong lines in it.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::list::Search;
use crate::process::Process;
use crate::step::Context;

/// A search that has not ended by then finds nothing: that is no violation.
const WAITED_MAX: Duration = Duration::from_secs(900);

/// The variable that says which wrong line is in force.
const CHOSEN: &str = "TIDEGATE_MUTANT";

/// The simulation's program, built with all wrong lines in it.
#[derive(Debug)]
pub(super) struct Program {
    path: PathBuf,
    root: PathBuf,
}

/// Something that must never be, as the program tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    /// The name of the invariant or property.
    pub(super) invariant: String,
    /// Where: a seed, a script, the model.
    pub(super) place: Place,
    pub(super) text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Seed(u64),
    Script(String),
    Model,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Seed(seed) => write!(f, "{} (seed {seed})", self.invariant),
            Place::Script(script) => write!(f, "{} (script {script})", self.invariant),
            Place::Model => write!(f, "{} (model)", self.invariant),
        }
    }
}

impl Program {
    /// Builds it, beside what other builds have built.
    pub(super) fn build(context: &Context) -> Result<Self> {
        let target = context.target.join("mutants");
        let code = Process::cargo(&context.root)
            .environment("RUSTFLAGS", "--cfg tidegate_mutants")
            .environment("CARGO_TARGET_DIR", &target)
            .words("build --locked --quiet --release --package tidegate-sim")
            .run_in_silence()?;
        if code != Some(0) {
            bail!("the simulation cannot be built with wrong lines in it");
        }
        let name = format!("tidegate-sim{}", std::env::consts::EXE_SUFFIX);
        Ok(Self {
            path: target.join("release").join(name),
            root: context.root.clone(),
        })
    }

    /// Looks for a violation, with that wrong line in force or with none.
    pub(super) fn search(&self, mutant: Option<&str>, search: Search) -> Result<Option<Violation>> {
        let mut command = Command::new(&self.path);
        command
            .args(search.words())
            .arg("--json")
            .current_dir(&self.root)
            .env_remove(CHOSEN)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(mutant) = mutant {
            command.env(CHOSEN, mutant);
        }
        let mut child = command.spawn().context("the simulation cannot be run")?;
        let Some(mut output) = child.stdout.take() else {
            bail!("the simulation has no output");
        };
        let reading = thread::spawn(move || {
            let mut said = String::new();
            output.read_to_string(&mut said).map(|_| said)
        });
        let code = exit_code(&mut child)?;
        let said = reading.join().ok().context("nobody read what was said")??;
        match code {
            Some(0) => Ok(None),
            Some(1) => violation(&said, search).map(Some),
            // It broke off, or did not end.
            _ => Ok(None),
        }
    }
}

/// Waits for the end; none if it had to be brought about, or was by a signal.
fn exit_code(child: &mut Child) -> Result<Option<i32>> {
    let begun = Instant::now();
    while begun.elapsed() < WAITED_MAX {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code());
        }
        thread::sleep(Duration::from_millis(20));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

/// The first violation that the program tells of.
fn violation(said: &str, search: Search) -> Result<Violation> {
    let said: Value = serde_json::from_str(said).context("what the simulation said is no JSON")?;
    let first = said
        .get("violations")
        .and_then(|violations| violations.get(0))
        .context("the simulation failed without a violation")?;
    let word = |name: &str| first.get(name).and_then(Value::as_str).map(str::to_owned);
    let place = match search {
        Search::Seeds(_) => Place::Seed(first.get("seed").and_then(Value::as_u64).context("no seed")?),
        Search::Script(name) => Place::Script(name.to_owned()),
        Search::Model(_) => Place::Model,
    };
    let invariant = word("invariant").or_else(|| word("property"));
    Ok(Violation {
        invariant: invariant.context("a violation without a name")?,
        place,
        text: word("text").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_violation_counts() {
        let said = r#"{"seeds": 9, "violations": [{"invariant": "I5", "seed": 7, "text": "rows"}, {}]}"#;
        let found = violation(said, Search::Seeds(9)).unwrap();
        assert_eq!(found.to_string(), "I5 (seed 7)");
        assert!(violation(r#"{"violations": []}"#, Search::Seeds(9)).is_err());
        assert!(violation("thread panicked", Search::Seeds(9)).is_err());
    }
}
