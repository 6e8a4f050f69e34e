//! The processes of a move, as the one that measures sees them.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use super::super::rows::Rows;

/// Of every value that is moved here.
pub(super) const VALUE_LEN: usize = 1024;

/// How long a process may take for an answer before it counts as stuck: the longest is a move of 8 GiB.
const STUCK: Duration = Duration::from_secs(600);

/// How long a process may take to end when it is told to.
const ENDING: Duration = Duration::from_secs(30);

/// One end in a process of its own. Dropped, its input ends, and with it the process.
#[derive(Debug)]
pub(super) struct End {
    role: String,
    process: Child,
    say: Option<ChildStdin>,
    /// Its lines; no more when it has ended.
    hear: Receiver<std::io::Result<String>>,
    port: u16,
}

/// Fills the source's files, in a process that ends.
pub(super) fn fill(directory: &Path, mib: &[u64]) -> Result<()> {
    // It answers when all is there.
    let mut words = vec![OsString::from(directory)];
    words.extend(mib.iter().map(|mib| mib.to_string().into()));
    End::start("fill", words).map(drop)
}

fn this_program() -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--child", "move"]);
    Ok(command)
}

impl End {
    fn start(role: &str, words: Vec<OsString>) -> Result<Self> {
        let mut command = this_program()?;
        command.arg(role).args(words);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let say = process.stdin.take();
        let hear = process.stdout.take().context("what the process says")?;
        let (line, lines) = sync_channel(1);
        // Ends with the process, or when nobody listens.
        thread::spawn(move || {
            let mut heard = BufReader::new(hear).lines();
            while heard.next().is_some_and(|next| line.send(next).is_ok()) {}
        });
        let mut end = Self {
            role: role.to_owned(),
            process,
            say,
            hear: lines,
            port: 0,
        };
        end.port = end.answer()?;
        Ok(end)
    }

    /// Who has the rows.
    pub(super) fn source(directory: &Path) -> Result<Self> {
        Self::start("source", vec![directory.into()])
    }

    /// Who pulls them; of `source`, it wants the files, which have the authority's too, and the port.
    pub(super) fn target(directory: &Path, (source, port): (&Path, u16)) -> Result<Self> {
        let words = vec![directory.into(), source.into(), port.to_string().into()];
        Self::start("target", words)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Has the target move a unit of so much.
    pub(super) fn pull(&mut self, unit: u64, mib: u64) -> Result<()> {
        let rows: u64 = self.ask(&format!("pull {unit}"))?;
        let rows_there = Rows {
            value_len: VALUE_LEN,
            mib,
        };
        ensure!(rows == rows_there.count(), "{rows} rows of {rows_there:?}");
        Ok(())
    }

    /// Bytes resident now; the peak is forgotten.
    pub(super) fn rest(&mut self) -> Result<f64> {
        self.ask("rest")
    }

    /// Bytes resident at most since then.
    pub(super) fn peak(&mut self) -> Result<f64> {
        self.ask("peak")
    }

    fn ask<T: std::str::FromStr>(&mut self, word: &str) -> Result<T> {
        let say = self.say.as_mut().context("a process that was told to end")?;
        writeln!(say, "{word}").with_context(|| format!("asking for {word}"))?;
        self.answer().with_context(|| format!("asked for {word}"))
    }

    fn answer<T: std::str::FromStr>(&mut self) -> Result<T> {
        let Ok(line) = self.hear.recv_timeout(STUCK) else {
            // Ended already, or it never would.
            self.process.kill()?;
            bail!("the {} of a move gave no answer", self.role);
        };
        let line = line?;
        let answer = line.trim().parse().ok();
        answer.with_context(|| format!("the {} answered {line:?}", self.role))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        drop(self.say.take());
        // Its lines end with it.
        while self.hear.recv_timeout(ENDING).is_ok() {}
        if let Err(error) = self.process.kill().and_then(|()| self.process.wait()) {
            eprintln!("the {} of a move was lost: {error}", self.role);
        }
    }
}
