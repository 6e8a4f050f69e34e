//! A cluster of processes on this machine: `cargo xtask cluster`.

mod files;
mod node;
mod program;
mod words;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use self::files::{Files, Member};
use self::node::Node;
use self::program::{Program, Status};
use crate::process::Process;
use crate::step::Context;

/// A new cluster's nodes, where nobody says how many.
const NODES: u32 = 4;
/// A cluster is founded by as many; the others join.
const FOUNDERS: usize = 3;
/// How long a node may take to answer, and to find the others up: on a machine that is busy, with data to read.
const START_DEADLINE: Duration = Duration::from_secs(120);
/// How long nodes may take to stop in good order.
const STOP_DEADLINE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) const HELP: &str = "\
Data, configurations, certificates and logs are in --dir; a second start with the same goes on with what is there. To
begin anew, remove it. Ctrl-C stops the nodes in good order. A node that dies is named, and the others go on: kill one,
and see.

Exits with 0 when it was stopped, 2 when it could not start, or when every node has died.";

/// What is asked for.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Nodes [default: those that are in the directory, else 4]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=15))]
    nodes: Option<u32>,
    /// Where everything is kept [default: cluster, below the target directory]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Compile the injection points in
    #[arg(long)]
    inject: bool,
    /// Run this program instead of building one
    #[arg(long, conflicts_with = "inject")]
    program: Option<PathBuf>,
}

pub(crate) fn run(context: &Context, options: &Options) -> Result<ExitCode> {
    let asked_to_end = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&asked_to_end)).context("listening for signals")?;
    }
    let program = Program::new(match &options.program {
        Some(program) => absolute(program)?,
        None => build(context, options.inject)?,
    });
    let dir = match &options.dir {
        Some(dir) => dir.clone(),
        None => context.target.join("cluster"),
    };
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let began = Instant::now();
    let files = Files::prepare(&program, &absolute(&dir)?, options.nodes, NODES)?;
    let mut cluster = Cluster {
        program,
        nodes: Vec::new(),
        asked_to_end,
    };
    // Whatever goes wrong from here on, nothing is left running: nodes die with what holds them.
    let started = cluster.start(&files);
    if cluster.is_asked_to_end() {
        cluster.stop();
        return Ok(ExitCode::SUCCESS);
    }
    if let Err(error) = started {
        cluster.stop();
        return Err(error);
    }
    println!("{}", words::ready(&cluster.program, &files, began.elapsed()));
    let ended = cluster.look_on();
    cluster.stop();
    println!("Stopped. The data is kept in {}", files.dir().display());
    ended.map(|()| ExitCode::SUCCESS)
}

fn absolute(path: &Path) -> Result<PathBuf> {
    fs::canonicalize(path).with_context(|| format!("{} is not there", path.display()))
}

fn build(context: &Context, inject: bool) -> Result<PathBuf> {
    let mut process = Process::cargo(&context.root)
        .words("build --locked --release --package tidegate")
        .quiet_unless_seen();
    if inject {
        process = process.words("--features inject");
    }
    process.run()?;
    Ok(context
        .target
        .join("release")
        .join(format!("tidegate{}", std::env::consts::EXE_SUFFIX)))
}

/// The processes.
#[derive(Debug)]
struct Cluster {
    program: Program,
    nodes: Vec<Node>,
    asked_to_end: Arc<AtomicBool>,
}

impl Cluster {
    fn is_asked_to_end(&self) -> bool {
        self.asked_to_end.load(Ordering::SeqCst)
    }

    /// Starts the processes, makes a cluster of them where they are none yet, and waits until it is up.
    fn start(&mut self, files: &Files) -> Result<()> {
        for member in files.members() {
            self.nodes.push(Node::start(&self.program, member)?);
        }
        println!("waiting for {} nodes", self.nodes.len());
        let mut outside = Vec::new();
        let mut excluded = BTreeSet::new();
        for member in files.members() {
            let status = self.until(&format!("node {} to answer", member.number), |program| {
                program.status(&member.admin)
            })?;
            if !status.is_founded {
                outside.push(member);
            }
            excluded.extend(status.excluded);
        }
        let is_excluded = |member: &&Member| excluded.contains(&u64::from(member.number));
        if outside.len() == files.members().len() {
            let founders = outside.len().min(FOUNDERS);
            let founders: Vec<_> = outside.drain(..founders).collect();
            let configs: Vec<&Path> = founders.iter().map(|member| member.config.as_path()).collect();
            self.program.init(&configs)?;
        }
        let Some(first) = files
            .members()
            .iter()
            .filter(|member| !is_excluded(member))
            .find(|member| outside.iter().all(|other| other.number != member.number))
        else {
            bail!("no node belongs to a cluster");
        };
        if !outside.is_empty() {
            self.until("a leader", |program| {
                program.status(&first.admin).filter(|status| status.has_leader)
            })?;
        }
        for member in outside {
            self.program.join(&member.config, &first.admin)?;
        }
        for member in files.members().iter().filter(|member| !is_excluded(member)) {
            let what = format!("node {} to find the others up", member.number);
            self.until(&what, |program| {
                program.status(&member.admin).filter(Status::is_up)
            })
            .with_context(|| self.program.findings(&member.admin))?;
        }
        self.tell_findings(first);
        Ok(())
    }

    /// What is wrong and no reason not to start: it stays until somebody changes it, such as a node that was excluded.
    fn tell_findings(&self, asked: &Member) {
        let status = self.program.status(&asked.admin);
        if status.is_none_or(|status| !status.is_healthy) {
            println!("\n{}", self.program.findings(&asked.admin));
        }
    }

    /// Asks until there is an answer; that a process has died is one too.
    fn until<T>(&mut self, what: &str, ask: impl Fn(&Program) -> Option<T>) -> Result<T> {
        let until = Instant::now() + START_DEADLINE;
        loop {
            if let Some(answer) = ask(&self.program) {
                return Ok(answer);
            }
            if let Some(died) = self.nodes.iter_mut().find_map(Node::died) {
                bail!("{died}");
            }
            if self.is_asked_to_end() {
                bail!("interrupted");
            }
            if Instant::now() >= until {
                bail!("waited {} s for {what}", START_DEADLINE.as_secs());
            }
            thread::sleep(PAUSE);
        }
    }

    /// Until somebody asks for the end, or no node is left.
    fn look_on(&mut self) -> Result<()> {
        while !self.is_asked_to_end() {
            for node in &mut self.nodes {
                if let Some(died) = node.died() {
                    println!("{died}\nTo start it again: {}", node.again(&self.program));
                }
            }
            self.nodes.retain(Node::runs);
            if self.nodes.is_empty() {
                bail!("every node has died");
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Stops all of them at once, in good order; kills those that take too long.
    fn stop(&mut self) {
        if self.nodes.is_empty() {
            return;
        }
        println!("\nstopping {} nodes", self.nodes.len());
        for node in &self.nodes {
            node.ask_to_end();
        }
        let until = Instant::now() + STOP_DEADLINE;
        while Instant::now() < until && self.nodes.iter_mut().any(|node| !node.has_ended()) {
            thread::sleep(PAUSE);
        }
        for node in &mut self.nodes {
            if !node.has_ended() {
                println!("node {} did not stop in time: killed", node.number());
            }
        }
        self.nodes.clear();
    }
}
