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

/// A search without a wrong line that has not ended by then is not clean.
const WAITED_MAX: Duration = Duration::from_secs(900);

/// A search with one that has not ended by then finds nothing: that is no violation. Some run round in circles.
const HUNTED_MAX: Duration = Duration::from_secs(60);

/// Seeds of the first try.
const FIRST_SEEDS: u64 = 4;

/// Seeds of a try: so few that one which does not end takes not many others along.
const SEEDS_MAX: u64 = 16;

/// What the program calls it when something panics.
const PANIC: &str = "no_panic";

/// What the model calls what it has to get to; that says something of the model, and nothing of the product.
const SOMETIMES: &str = "sometimes";

/// The variable that says which wrong line is in force.
const CHOSEN: &str = "TIDEGATE_MUTANT";

/// The simulation's program, built with all wrong lines in it.
#[derive(Debug)]
pub(super) struct Program {
    path: PathBuf,
    root: PathBuf,
}

/// What a search has said.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The first violation that counts.
    pub(super) violation: Option<Violation>,
    pub(super) seeds: u64,
    pub(super) states: u64,
    pub(super) depth: u64,
    /// Whether it came to its end by itself.
    pub(super) has_ended: bool,
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
        let invariant = &self.invariant;
        match &self.place {
            Place::Seed(seed) => write!(f, "simulation: {invariant} (seed {seed})"),
            Place::Script(script) => write!(f, "script: {invariant} ({script})"),
            Place::Model => write!(f, "model: {invariant}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seed(seed) => write!(f, "seed {seed}"),
            Self::Script(script) => write!(f, "script {script}"),
            Self::Model => f.write_str("model"),
        }
    }
}

impl Program {
    /// Builds it, beside what other builds have built.
    pub(super) fn build(context: &Context) -> Result<Self> {
        let target = context.target.join("mutants");
        eprintln!(
            "building the simulation with wrong lines into {}",
            target.display()
        );
        let code = Process::cargo(&context.root)
            .environment("RUSTFLAGS", "--cfg tidegate_mutants")
            .environment("CARGO_TARGET_DIR", &target)
            .words("build --locked --release --package tidegate-sim")
            .quiet_unless_seen()
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

    /// Looks for a violation by an invariant whose name begins with `by`, with that wrong line in force or with none.
    pub(super) fn search(&self, mutant: Option<&str>, search: Search, by: &str) -> Result<Told> {
        match search {
            Search::Seeds(count) => self.seeds(mutant, count, by),
            Search::Script(name) => self.ask(mutant, &format!("scripts --only {name}"), by),
            Search::Model(size) => self.ask(mutant, &format!("model --size {size}"), by),
        }
    }

    /// The same search with no wrong line in force: has to come to its end, and to nothing else, a panic included.
    pub(super) fn search_without(&self, search: Search) -> Result<Told> {
        let mut told = self.search(None, search, "")?;
        if !told.has_ended {
            told.violation.get_or_insert_with(|| Violation {
                invariant: "no end".to_owned(),
                place: match search {
                    Search::Seeds(_) => Place::Seed(told.seeds),
                    Search::Script(name) => Place::Script(name.to_owned()),
                    Search::Model(_) => Place::Model,
                },
                text: "it broke off, or did not end in time".to_owned(),
            });
        }
        Ok(told)
    }

    fn seeds(&self, mutant: Option<&str>, count: u64, by: &str) -> Result<Told> {
        // More and more at a time: what shows at once is found at once.
        let (mut from, mut some) = (0, FIRST_SEEDS);
        while from < count {
            let seeds = some.min(count - from);
            let words = format!("run --jobs 1 --from {from} --seeds {seeds}");
            let mut told = self.ask(mutant, &words, by)?;
            (from, some) = (from + seeds, SEEDS_MAX.min(some * 2));
            told.seeds = from;
            if told.violation.is_some() || !told.has_ended || from == count {
                return Ok(told);
            }
        }
        Ok(Told::default())
    }

    fn ask(&self, mutant: Option<&str>, words: &str, by: &str) -> Result<Told> {
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
        let waited = if mutant.is_some() { HUNTED_MAX } else { WAITED_MAX };
        let code = exit_code(&mut child, waited)?;
        let said = reading.join().ok().context("nobody read what was said")??;
        match code {
            Some(0 | 1) => told(&said, |invariant| counts(mutant, invariant, by)),
            // It broke off, or did not end: nothing was found.
            _ => Ok(Told::default()),
        }
    }
}

/// Waits for the end; none if it had to be brought about, or was by a signal.
fn exit_code(child: &mut Child, waited: Duration) -> Result<Option<i32>> {
    let begun = Instant::now();
    while begun.elapsed() < waited {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code());
        }
        thread::sleep(Duration::from_millis(20));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

/// What the program tells, and the first violation that counts.
fn told(said: &str, counts: impl Fn(&str) -> bool) -> Result<Told> {
    let said: Value = serde_json::from_str(said).context("what the simulation said is no JSON")?;
    let all = said.get("violations").and_then(Value::as_array);
    let all = all.context("the simulation has said nothing of violations")?;
    let all: Result<Vec<Violation>> = all.iter().map(read).collect();
    let number = |name: &str| said.get(name).and_then(Value::as_u64).unwrap_or_default();
    Ok(Told {
        violation: all?.into_iter().find(|found| counts(&found.invariant)),
        seeds: number("seeds"),
        states: number("states"),
        depth: number("depth"),
        has_ended: true,
    })
}

/// Whether a violation counts: without a wrong line each does. With one, that something has panicked is no violation of
/// an invariant, nor is that the model did not get somewhere.
fn counts(mutant: Option<&str>, invariant: &str, by: &str) -> bool {
    let is_named = invariant != PANIC && !invariant.starts_with(SOMETIMES);
    mutant.is_none() || (is_named && invariant.starts_with(by))
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
        let told = told(said, |invariant| counts(Some("a line"), invariant, ""));
        told.unwrap().violation.map(|found| found.to_string())
    }

    #[test]
    fn the_first_violation_counts_that_is_no_panic() {
        let said =
            r#"{"violations": [{"invariant": "no_panic", "seed": 6}, {"invariant": "I5", "seed": 7}]}"#;
        assert_eq!(first(said).as_deref(), Some("simulation: I5 (seed 7)"));
        let said = r#"{"violations": [{"property": "sometimes: a thing"}, {"property": "nothing is lost", "text": "x"}]}"#;
        assert_eq!(first(said).as_deref(), Some("model: nothing is lost"));
        let said = r#"{"violations": [{"invariant": "I3", "script": "late"}]}"#;
        assert_eq!(first(said).as_deref(), Some("script: I3 (late)"));
        assert_eq!(first(r#"{"violations": []}"#), None);
        assert!(told("thread panicked", |_| true).is_err());
        assert!(told(r#"{"violations": [{"seed": 7}]}"#, |_| true).is_err());
    }

    #[test]
    fn a_panic_without_a_wrong_line_is_not_clean() {
        for invariant in [PANIC, "sometimes: a thing", "quiescence"] {
            assert!(counts(None, invariant, ""), "{invariant}");
        }
        assert!(!counts(Some("a line"), PANIC, ""));
        assert!(counts(Some("a line"), "quiescence", ""));
    }

    #[test]
    fn what_only_liveness_may_find_nothing_else_finds() {
        let said = r#"{"seeds": 9, "violations": [{"invariant": "quiescence", "seed": 6}, {"invariant": "I9-liveness", "seed": 7}]}"#;
        let told = told(said, |invariant| counts(Some("a line"), invariant, "I9")).unwrap();
        assert_eq!(told.violation.unwrap().place, Place::Seed(7));
        assert_eq!(told.seeds, 9);
    }
}
