//! The rules of CONTRIBUTING.md that a program can check.

mod manifests;
mod order;
mod pages;
mod sources;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::process::Process;
use crate::step::{Context, Outcome};

/// A file of the repository.
#[derive(Debug)]
struct File {
    /// From the root, with slashes.
    path: String,
    text: String,
}

impl File {
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    fn is_rust(&self) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|extension| extension == "rs")
    }

    fn fault(&self, line: usize, rule: impl Into<String>) -> Fault {
        Fault {
            path: self.path.clone(),
            line,
            rule: rule.into(),
        }
    }
}

/// A rule that is not kept, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    path: String,
    /// From 1; 0 is the whole file.
    line: usize,
    rule: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.rule)
    }
}

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    let files = files(context)?;
    let mut faults: Vec<Fault> = files
        .iter()
        .filter(|file| file.is_rust())
        .flat_map(|file| [sources::faults(file), order::faults(file)].concat())
        .collect();
    faults.extend(files.iter().flat_map(pages::anywhere));
    faults.extend(pages::faults(&files, &context.members));
    faults.extend(
        files
            .iter()
            .filter(|file| file.name() == "Cargo.toml")
            .flat_map(manifests::faults),
    );
    faults.extend(manifests::unused(&files));
    if faults.is_empty() {
        return Ok(Outcome::Passed(format!("{} files", files.len())));
    }
    for fault in &faults {
        println!("{fault}");
    }
    bail!("{} faults", faults.len());
}

/// Every file that is, or would be, in the repository and is text.
fn files(context: &Context) -> Result<Vec<File>> {
    let listed = Process::new("git", &context.root)
        .words("ls-files --cached --others --exclude-standard")
        .output()
        .context("git lists the files")?;
    let mut files = Vec::new();
    for path in listed.lines() {
        // Deleted and not yet committed, or not text.
        if let Ok(text) = fs::read_to_string(context.root.join(path)) {
            files.push(File {
                path: path.to_owned(),
                text,
            });
        }
    }
    Ok(files)
}
