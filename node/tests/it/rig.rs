//! Runs the built binary, on input made for it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// No run takes longer, or it is stuck.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// Directories for one run.
pub(crate) struct Rig {
    root: TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Rig {
    /// With an input directory that has nothing in it, and a directory for what is temporary.
    pub(crate) fn empty() -> Self {
        let root = tempfile::tempdir().expect("a directory");
        fs::create_dir(root.path().join("input")).expect("makes a directory");
        fs::create_dir(root.path().join("tmp")).expect("makes a directory");
        Self { root }
    }

    /// With some small files as input.
    pub(crate) fn filled() -> Self {
        let rig = Self::empty();
        for number in 0..120_usize {
            let text = format!("{number} ").repeat(1000 + number);
            fs::write(rig.input().join(format!("{number}.txt")), text).expect("writes");
        }
        rig
    }

    pub(crate) fn input(&self) -> PathBuf {
        self.path("input")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// What is left of what was to be temporary.
    pub(crate) fn left(&self) -> Vec<PathBuf> {
        entries(&self.path("tmp"))
    }

    /// A demo on this input, if `more` names no other.
    pub(crate) fn demo(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command
            .arg("demo")
            .args(more)
            .env("TMPDIR", self.path("tmp"))
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if !more.contains(&"--input") {
            command.arg("--input").arg(self.input());
        }
        command
    }

    pub(crate) fn run(&self, more: &[&str]) -> Ended {
        ended(self.demo(more).spawn().expect("starts"))
    }
}

pub(crate) fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("is a directory");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

/// Waits for the end, and ends what does not.
pub(crate) fn ended(mut child: Child) -> Ended {
    let stdout = drained(child.stdout.take().expect("is piped"));
    // Taken already by who watches it.
    let stderr = child.stderr.take().map(drained);
    let (told, end) = sync_channel(1);
    let id = child.id();
    let waiter = std::thread::spawn(move || told.send(child.wait().expect("is waited for")));
    let begun = Instant::now();
    let Ok(status) = end.recv_timeout(DEADLINE) else {
        let killed = Command::new("kill").args(["-9", &id.to_string()]).status();
        panic!("still running after {:?}; killed: {killed:?}", begun.elapsed());
    };
    waiter.join().expect("ends").expect("was told");
    Ended {
        code: status.code(),
        stdout: stdout.join().expect("is read"),
        stderr: stderr.map_or_else(String::new, |read| read.join().expect("is read")),
    }
}

/// What a child says on stderr, line by line.
pub(crate) struct Said {
    lines: Receiver<String>,
}

impl Said {
    pub(crate) fn of(child: &mut Child) -> Self {
        let stderr = BufReader::new(child.stderr.take().expect("is piped"));
        let (said, lines) = sync_channel(1024);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if said.send(line).is_err() {
                    return;
                }
            }
        });
        Self { lines }
    }

    /// Waits for a line with that in it.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let begun = Instant::now();
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(DEADLINE.saturating_sub(begun.elapsed())) {
            if line.contains(text) {
                return line;
            }
            seen.push(line);
        }
        panic!("nobody said {text:?}, but {seen:#?}");
    }
}

fn drained(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        from.read_to_string(&mut text).expect("is text");
        text
    })
}
