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

/// Seeds of the first try.
const FIRST_SEEDS: u64 = 8;

/// What the program calls it when something panics.
const PANIC: &str = "no_panic";

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
        match search {
            Search::Seeds(count) => self.seeds(mutant, count),
            Search::Script(name) => self.ask(mutant, &format!("scripts --only {name}")),
            Search::Model(size) => self.ask(mutant, &format!("model --size {size}")),
        }
    }

    fn seeds(&self, mutant: Option<&str>, count: u64) -> Result<Option<Violation>> {
        // More and more at a time: what shows at once is found at once.
        let (mut from, mut some) = (0, FIRST_SEEDS);
        while from < count {
            let seeds = some.min(count - from);
            let words = format!("run --jobs 1 --from {from} --seeds {seeds}");
            let found = self.ask(mutant, &words)?;
            if found.is_some() {
                return Ok(found);
            }
            (from, some) = (from + seeds, some * 2);
        }
        Ok(None)
    }

    fn ask(&self, mutant: Option<&str>, words: &str) -> Result<Option<Violation>> {
        let mut command = Command::new(&self.path);
        command
            .args(words.split(' '))
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
            Some(1) => violation(&said),
            // Nothing was found; or it broke off, or did not end.
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

/// The first violation that the program tells of. That something has panicked is none: what counts is an invariant.
fn violation(said: &str) -> Result<Option<Violation>> {
    let said: Value = serde_json::from_str(said).context("what the simulation said is no JSON")?;
    let all = said.get("violations").and_then(Value::as_array);
    let all = all.context("the simulation failed without a violation")?;
    let told: Result<Vec<Violation>> = all.iter().map(read).collect();
    Ok(told?.into_iter().find(|found| found.invariant != PANIC))
}

fn read(told: &Value) -> Result<Violation> {
    let word = |name: &str| told.get(name).and_then(Value::as_str).map(str::to_owned);
    let place = match (told.get("seed").and_then(Value::as_u64), word("script")) {
        (_, Some(script)) => Place::Script(script),
        (Some(seed), None) => Place::Seed(seed),
        (None, None) => Place::Model,
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

    fn first(said: &str) -> Option<String> {
        violation(said).unwrap().map(|found| found.to_string())
    }

    #[test]
    fn the_first_violation_counts_that_is_no_panic() {
        let said =
            r#"{"violations": [{"invariant": "no_panic", "seed": 6}, {"invariant": "I5", "seed": 7}]}"#;
        assert_eq!(first(said).as_deref(), Some("I5 (seed 7)"));
        let said = r#"{"violations": [{"property": "nothing is lost", "text": "x"}]}"#;
        assert_eq!(first(said).as_deref(), Some("nothing is lost (model)"));
        let said = r#"{"violations": [{"invariant": "I3", "script": "late"}]}"#;
        assert_eq!(first(said).as_deref(), Some("I3 (script late)"));
        assert_eq!(first(r#"{"violations": []}"#), None);
        assert!(violation("thread panicked").is_err());
        assert!(violation(r#"{"violations": [{"seed": 7}]}"#).is_err());
    }
}
