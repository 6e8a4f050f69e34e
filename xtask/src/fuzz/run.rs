//! One target, fed for a while.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use super::Ground;

/// Seconds that one input may take.
const INPUT_SECONDS: u64 = 10;
/// Mebibytes that the process may have.
const PROCESS_MIB: u64 = 2048;

/// What came of a target.
#[derive(Debug, Default)]
pub(crate) struct Ran {
    pub(crate) target: String,
    pub(crate) inputs: u64,
    pub(crate) per_second: u64,
    pub(crate) seconds: u64,
    /// Edges of the code that were gone along.
    pub(crate) covered: u64,
    /// Files in the corpus that it goes on from next time.
    pub(crate) kept: usize,
    pub(crate) finding: Option<Finding>,
}

/// An input that fails.
#[derive(Debug)]
pub(crate) struct Finding {
    target: String,
    /// None if libFuzzer left none behind.
    input: Option<PathBuf>,
    said: String,
}

/// Feeds a target from the corpus of the tree and that of earlier runs.
pub(crate) fn fuzz(ground: &Ground<'_>, target: &str) -> Result<Ran> {
    let root = &ground.context.root;
    let grown = ground.context.target.join("fuzz/corpus").join(target);
    let found = ground.context.target.join("fuzz/found").join(target);
    fs::create_dir_all(&grown)?;
    // What an earlier run found there has been copied.
    if found.exists() {
        fs::remove_dir_all(&found)?;
    }
    fs::create_dir_all(&found)?;
    let mut prefix = OsString::from("-artifact_prefix=");
    prefix.push(found.join(""));
    let output = Command::new(&ground.program)
        .current_dir(root)
        .env("TIDEGATE_FUZZ_TARGET", target)
        .args([
            format!("-max_total_time={}", ground.seconds),
            format!("-timeout={INPUT_SECONDS}"),
            format!("-rss_limit_mb={PROCESS_MIB}"),
        ])
        .args(["-max_len=8192", "-print_final_stats=1"])
        .arg(prefix)
        .arg(&grown)
        .arg(Path::new("fuzz/corpus").join(target))
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", ground.program.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let mut ran = read(target, &said);
    ran.kept = fs::read_dir(&grown)?.count();
    if !output.status.success() {
        ran.finding = Some(Finding {
            target: target.to_owned(),
            input: keep(root, target, &found)?,
            said: tail(&said),
        });
    }
    eprintln!(
        "{target}: {} inputs{}",
        ran.inputs,
        if ran.finding.is_some() { ", a finding" } else { "" }
    );
    Ok(ran)
}

/// What libFuzzer counts at its end; after a crash, what it said last.
fn read(target: &str, said: &str) -> Ran {
    let stat = |name: &str| {
        said.lines()
            .rev()
            .find_map(|line| line.strip_prefix("stat::")?.strip_prefix(name)?.strip_prefix(':'))
            .and_then(|number| number.trim().parse().ok())
    };
    let last = said
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix('#')?.split_whitespace().next()?.parse().ok());
    let seconds = said.lines().rev().find_map(|line| {
        line.strip_prefix("Done ")?
            .split_once(" runs in ")?
            .1
            .split(' ')
            .next()?
            .parse()
            .ok()
    });
    let covered = said.lines().rev().find_map(|line| {
        line.split_once(" cov: ")?
            .1
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    });
    Ran {
        target: target.to_owned(),
        covered: covered.unwrap_or_default(),
        inputs: stat("number_of_executed_units").or(last).unwrap_or_default(),
        per_second: stat("average_exec_per_sec").unwrap_or_default(),
        seconds: seconds.unwrap_or_default(),
        ..Ran::default()
    }
}

/// Copies what was found to where it is looked for.
fn keep(root: &Path, target: &str, found: &Path) -> Result<Option<PathBuf>> {
    let artifacts = Path::new("fuzz/artifacts").join(target);
    let mut input = None;
    for file in fs::read_dir(found)? {
        let file = file?;
        fs::create_dir_all(root.join(&artifacts))?;
        let kept = artifacts.join(file.file_name());
        fs::copy(file.path(), root.join(&kept))?;
        input = Some(kept);
    }
    Ok(input)
}

/// The last lines, where the reason is.
fn tail(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

impl Ran {
    pub(super) fn json(&self) -> String {
        let input = self.finding.as_ref().and_then(|finding| finding.input.as_ref());
        let input = input.map_or_else(|| "null".to_owned(), |path| format!("\"{}\"", path.display()));
        format!(
            "{{\"target\":\"{}\",\"seconds\":{},\"inputs\":{},\"per_second\":{},\"covered\":{},\"corpus\":{},\"findings\":{},\"input\":{input}}}",
            self.target,
            self.seconds,
            self.inputs,
            self.per_second,
            self.covered,
            self.kept,
            usize::from(self.finding.is_some()),
        )
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:\n{}", self.target, self.said)?;
        match &self.input {
            Some(input) => write!(
                f,
                "reproduce: cargo run -p tidegate-fuzz -- replay {} {}",
                self.target,
                input.display()
            ),
            None => write!(f, "libFuzzer left no input behind"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_read() {
        let said = "#1024\tpulse  cov: 10 ft: 20\nDone 2048 runs in 61 second(s)\n\
            stat::number_of_executed_units: 2048\nstat::average_exec_per_sec:     33\n";
        let ran = read("hello", said);
        assert_eq!((ran.inputs, ran.per_second, ran.seconds), (2048, 33, 61));
        assert_eq!(ran.covered, 10);
        let ran = read(
            "hello",
            "#7\tNEW    cov: 1\n==1== ERROR: libFuzzer: deadly signal\n",
        );
        assert_eq!(ran.inputs, 7);
    }
}
