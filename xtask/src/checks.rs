//! The steps that cargo does by itself.

use std::fs;

use anyhow::{Result, bail};

use crate::process::Process;
use crate::step::{Context, Outcome};

/// Tests of this package run whole clusters: not for the loop at the desk.
const SLOW: &str = "tidegate";
/// Of this one everything is compiled out without its feature.
const TWO_FACED: &str = "tidegate-inject";

pub(crate) fn fmt(context: &Context) -> Result<Outcome> {
    if let Some(skipped) = missing(context, "rustfmt", "fmt") {
        return Ok(skipped);
    }
    Process::cargo(&context.root).words("fmt --all --check").run()?;
    Ok(Outcome::passed())
}

pub(crate) fn clippy(context: &Context) -> Result<Outcome> {
    if let Outcome::Skipped(reason) = clippy_plain(context)? {
        return Ok(Outcome::Skipped(reason));
    }
    Process::cargo(&context.root)
        .words("clippy --locked --workspace --all-targets --all-features -- -D warnings")
        .run()?;
    Ok(Outcome::passed())
}

pub(crate) fn clippy_plain(context: &Context) -> Result<Outcome> {
    if let Some(skipped) = missing(context, "clippy", "clippy") {
        return Ok(skipped);
    }
    Process::cargo(&context.root)
        .words("clippy --locked --workspace --all-targets -- -D warnings")
        .run()?;
    Ok(Outcome::passed())
}

pub(crate) fn doc(context: &Context) -> Result<Outcome> {
    Process::cargo(&context.root)
        .environment("RUSTDOCFLAGS", "-D warnings")
        .words("doc --locked --workspace --all-features --no-deps")
        .run()?;
    Ok(Outcome::passed())
}

/// With all features, and the crates whose features change what they do without any too.
pub(crate) fn test(context: &Context) -> Result<Outcome> {
    let cargo = || Process::cargo(&context.root).words("test --locked --no-fail-fast");
    let plain = cargo().argument("--package").argument(TWO_FACED);
    run_tests(vec![cargo().words("--workspace --all-features"), plain])
}

pub(crate) fn test_fast(context: &Context) -> Result<Outcome> {
    let line = "test --locked --workspace --lib --bins --tests --no-fail-fast --exclude";
    run_tests(vec![Process::cargo(&context.root).words(line).argument(SLOW)])
}

/// The models: a target directory of their own, as their flags would have everything else built anew.
pub(crate) fn loom(context: &Context) -> Result<Outcome> {
    let mut runs = Vec::new();
    for member in &context.members {
        let folder = context.root.join(&member.folder);
        // Models of what is public stand beside the integration tests; of what is not, among the unit tests.
        let target = if folder.join("tests/loom.rs").exists() {
            "--test loom"
        } else if fs::read_to_string(folder.join("Cargo.toml"))?.contains("cfg(tidegate_loom)") {
            "--lib"
        } else {
            continue;
        };
        let run = Process::cargo(&context.root)
            .environment("RUSTFLAGS", "--cfg tidegate_loom")
            .environment("CARGO_TARGET_DIR", context.target.join("loom"))
            .words("test --locked --release")
            .words(target)
            .argument("--package")
            .argument(&member.package);
        runs.push(run);
    }
    if runs.is_empty() {
        bail!("no crate has models");
    }
    run_tests(runs)
}

/// Writes: formats, and applies what clippy can mend.
pub(crate) fn fix(context: &Context) -> Result<()> {
    Process::cargo(&context.root).words("fmt --all").run()?;
    Process::cargo(&context.root)
        .words("clippy --fix --allow-dirty --allow-staged --workspace --all-targets --all-features")
        .run()?;
    Process::cargo(&context.root).words("fmt --all").run()
}

/// Runs tests and adds up what they say; none at all is a failure.
fn run_tests(runs: Vec<Process>) -> Result<Outcome> {
    let mut tally = Tally::default();
    let mut have_passed = true;
    for run in runs {
        have_passed &= run.run_lines(|line| tally.read(line))? == Some(0);
    }
    let said = format!(
        "{} tests passed, {} failed, {} ignored",
        tally.passed, tally.failed, tally.ignored
    );
    if !have_passed {
        bail!("{said}");
    }
    if tally.passed == 0 {
        bail!("no test ran");
    }
    Ok(Outcome::Passed(said))
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tally {
    /// Reads a line like `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; ...`.
    fn read(&mut self, line: &str) {
        let Some((_, result)) = line.split_once("test result: ") else {
            return;
        };
        let Some((_, counts)) = result.split_once(". ") else {
            return;
        };
        for count in counts.split("; ") {
            let Some((number, what)) = count.split_once(' ') else {
                continue;
            };
            let number = number.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// A skip when a component of the toolchain is missing and cannot be had.
fn missing(context: &Context, component: &str, subcommand: &str) -> Option<Outcome> {
    let is_there = || {
        Process::cargo(&context.root)
            .words(subcommand)
            .argument("--version")
            .can_run()
    };
    if is_there() {
        return None;
    }
    let added = Process::new("rustup", &context.root)
        .words("component add")
        .argument(component)
        .run();
    match added {
        Ok(()) if is_there() => None,
        Ok(()) => Some(Outcome::Skipped(format!(
            "{component} was installed and still cannot be run"
        ))),
        Err(error) => Some(Outcome::Skipped(format!("{component} is missing: {error:#}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tally_adds_up_what_cargo_says() {
        let mut tally = Tally::default();
        tally.read(
            "test result: ok. 16 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.19s",
        );
        tally.read("test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out");
        tally.read("test tests::the_tally ... ok");
        assert_eq!(
            tally,
            Tally {
                passed: 18,
                failed: 3,
                ignored: 1
            }
        );
    }
}
