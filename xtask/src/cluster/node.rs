//! One process.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

use super::files::Member;
use super::program::Program;

/// Lines of the log that are shown when a node has died.
const SHOWN: usize = 15;

/// A running node; killed when it is dropped.
#[derive(Debug)]
pub(super) struct Node {
    number: u32,
    child: Child,
    config: PathBuf,
    log: PathBuf,
    has_ended: bool,
}

impl Node {
    /// Starts it; what it says is added to its log.
    pub(super) fn start(program: &Program, member: &Member) -> Result<Self> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&member.log)
            .with_context(|| format!("cannot write {}", member.log.display()))?;
        let child = Command::new(program.path())
            .arg("serve")
            .arg("--config")
            .arg(&member.config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("a second handle of the log")?)
            .stderr(log)
            // Ctrl-C is for us; we tell the nodes.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot run {}", program.path().display()))?;
        Ok(Self {
            number: member.number,
            child,
            config: member.config.clone(),
            log: member.log.clone(),
            has_ended: false,
        })
    }

    pub(super) const fn number(&self) -> u32 {
        self.number
    }

    pub(super) const fn runs(&self) -> bool {
        !self.has_ended
    }

    /// Whether it has ended, by now.
    pub(super) fn has_ended(&mut self) -> bool {
        self.has_ended |= matches!(self.child.try_wait(), Ok(Some(_)));
        self.has_ended
    }

    /// What to say if it has died since it was asked last.
    pub(super) fn died(&mut self) -> Option<String> {
        if self.has_ended {
            return None;
        }
        let status = self.child.try_wait().ok().flatten()?;
        self.has_ended = true;
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let end = lines[lines.len().saturating_sub(SHOWN)..].join("\n  ");
        Some(format!(
            "node {} has died ({status}); the end of {}:\n  {end}",
            self.number,
            self.log.display()
        ))
    }

    /// How to start it by hand.
    pub(super) fn again(&self, program: &Program) -> String {
        format!(
            "{} serve --config {}",
            program.path().display(),
            self.config.display()
        )
    }

    /// Asks it to stop in good order.
    pub(super) fn ask_to_end(&self) {
        let process = self.child.id().to_string();
        // One that has ended meanwhile cannot be asked.
        let _ = Command::new("sh")
            .args(["-c", "kill -TERM \"$0\"", &process])
            .stderr(Stdio::null())
            .status();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if !self.has_ended() {
            // It may end by itself meanwhile.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
