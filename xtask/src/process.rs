//! Running other programs.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, IsTerminal as _};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// A program to run in a directory; prints what it runs.
#[derive(Debug)]
pub(crate) struct Process {
    command: Command,
    shown: String,
}

impl Process {
    pub(crate) fn new(program: impl AsRef<OsStr>, directory: &Path) -> Self {
        let program = program.as_ref();
        let mut command = Command::new(program);
        command.current_dir(directory).stdin(Stdio::null());
        let name = Path::new(program).file_name().unwrap_or(program);
        Self {
            command,
            shown: name.to_string_lossy().into_owned(),
        }
    }

    /// The cargo that runs this program, or the one on the path.
    pub(crate) fn cargo(directory: &Path) -> Self {
        let mut process = Self::new(
            std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
            directory,
        );
        process.shown = "cargo".to_owned();
        process
    }

    /// Adds arguments, given as one line of words.
    pub(crate) fn words(self, line: &str) -> Self {
        line.split_whitespace().fold(self, Self::argument)
    }

    /// For cargo: how far a build is, where somebody looks on; only what went wrong, where nobody does.
    pub(crate) fn quiet_unless_seen(self) -> Self {
        if io::stderr().is_terminal() {
            self
        } else {
            self.argument("--quiet")
        }
    }

    pub(crate) fn argument(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.shown.push(' ');
        self.shown.push_str(&argument.as_ref().to_string_lossy());
        self.command.arg(argument);
        self
    }

    pub(crate) fn environment(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.shown = format!("{key}={:?} {}", value.as_ref().to_string_lossy(), self.shown);
        self.command.env(key, value);
        self
    }

    /// Runs it; its output is seen as it comes.
    pub(crate) fn run(mut self) -> Result<()> {
        println!("$ {}", self.shown);
        let status = self
            .command
            .status()
            .with_context(|| format!("cannot run {}", self.shown))?;
        if !status.success() {
            bail!("{} failed: {status}", self.shown);
        }
        Ok(())
    }

    /// Runs it, and adds nothing to what it prints. Says how it exited.
    pub(crate) fn run_in_silence(mut self) -> Result<Option<i32>> {
        let status = self
            .command
            .status()
            .with_context(|| format!("cannot run {}", self.shown))?;
        Ok(status.code())
    }

    /// Runs it; its output is seen as it comes, and each line is handed on. Says how it exited.
    pub(crate) fn run_lines(mut self, mut line: impl FnMut(&str)) -> Result<Option<i32>> {
        println!("$ {}", self.shown);
        let context = || format!("cannot run {}", self.shown);
        let mut child = self
            .command
            .stdout(Stdio::piped())
            .spawn()
            .with_context(context)?;
        if let Some(output) = child.stdout.take() {
            for read in BufReader::new(output).split(b'\n') {
                let read = read?;
                let text = String::from_utf8_lossy(&read);
                println!("{text}");
                line(&text);
            }
        }
        Ok(child.wait()?.code())
    }

    /// Runs it in silence; what it prints.
    pub(crate) fn output(mut self) -> Result<String> {
        let output = self
            .command
            .output()
            .with_context(|| format!("cannot run {}", self.shown))?;
        if !output.status.success() {
            bail!(
                "{} failed: {}",
                self.shown,
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Whether it can be run at all.
    pub(crate) fn can_run(self) -> bool {
        self.output().is_ok()
    }
}
