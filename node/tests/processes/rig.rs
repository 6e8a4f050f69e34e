//! A cluster of processes in a directory of its own.

mod http;
mod member;
mod moves;
mod rows;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use self::http::{Answer, Http};
pub(crate) use self::member::Member;
pub(crate) use self::moves::{Hold, STAGES};
pub(crate) use self::rows::Writer;

/// For all that takes its time on a busy machine, and is stuck when it takes longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(90);
const PACE: Duration = Duration::from_millis(50);
/// The table that rows are written to.
pub(crate) const TABLE: &str = "rows";

/// One cluster at a time: several would only wait for each other.
static TURN: Mutex<()> = Mutex::new(());

/// Nobody else has a cluster while this is there.
pub(crate) struct Turn {
    _held: MutexGuard<'static, ()>,
}

impl Turn {
    pub(crate) fn take() -> Self {
        Self {
            _held: TURN.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// How a command of the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the program.
pub(crate) fn tidegate(args: &[&str]) -> Ended {
    let output = command(args).output().expect("starts");
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs the program, and has it succeed.
pub(crate) fn done(args: &[&str]) -> String {
    let ended = tidegate(args);
    assert_eq!(ended.code, Some(0), "{args:?}: {ended:?}");
    ended.stdout
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(args).stdin(Stdio::null());
    for variable in ["TIDEGATE_ADMIN", "TIDEGATE_TOKEN_FILE", "TIDEGATE_CA", "RUST_LOG"] {
        command.env_remove(variable);
    }
    command
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("is text")
}

/// Asks until there is an answer.
pub(crate) fn until<T>(what: &str, within: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            begun.elapsed() < within,
            "waited {:?} for {what}",
            begun.elapsed()
        );
        std::thread::sleep(PACE);
    }
}

/// Processes that make a cluster; what they said is shown when a test fails.
pub(crate) struct Cluster {
    root: TempDir,
    pub(crate) members: Vec<Member>,
    _turn: Turn,
}

impl Cluster {
    /// So many nodes with certificates and configurations, none of which runs yet.
    pub(crate) fn prepared(nodes: u64) -> Self {
        let turn = Turn::take();
        let root = tempfile::tempdir().expect("a directory");
        let certs = root.path().join("certs");
        done(&["certs", "init", "--cluster", "blue", "--dir", text(&certs)]);
        let mut cluster = Self {
            root,
            members: Vec::new(),
            _turn: turn,
        };
        for _ in 0..nodes {
            cluster.prepare();
        }
        for member in &cluster.members {
            cluster.configure(member, "");
        }
        cluster
    }

    /// A healthy cluster of so many nodes; the balancer is off, and there is a table with replicas on three nodes.
    pub(crate) fn started(nodes: u64, tablets: u64) -> Self {
        Self::with_replicas(nodes, tablets, 3)
    }

    pub(crate) fn with_replicas(nodes: u64, tablets: u64, replicas: u64) -> Self {
        let mut cluster = Self::prepared(nodes);
        cluster.members.iter_mut().for_each(Member::start);
        for member in &cluster.members {
            member.until_answers();
        }
        cluster.found();
        cluster.until_healthy();
        cluster.balancing(false);
        let first = cluster.members[0].admin();
        done(&[
            "tables",
            "create",
            TABLE,
            "--tablets",
            &tablets.to_string(),
            "--replicas",
            &replicas.to_string(),
            "--admin",
            &first,
        ]);
        cluster
    }

    /// One more node, not started, with a number that was never used.
    pub(crate) fn prepare(&mut self) -> u64 {
        let number = self.members.last().map_or(1, |last| last.number + 1);
        let certs = self.certs();
        done(&[
            "certs",
            "issue",
            "--node",
            &number.to_string(),
            "--dir",
            text(&certs),
        ]);
        self.members.push(Member::new(self.root.path(), number));
        number
    }

    /// Writes a node's configuration.
    pub(crate) fn configure(&self, member: &Member, more: &str) {
        let peers = self.members.iter().filter(|peer| peer.number != member.number);
        let peers: String = peers
            .map(|peer| format!("{} = '127.0.0.1:{}'\n", peer.number, peer.transport))
            .collect();
        fs::write(
            member.config(),
            format!("{}{more}[peers]\n{peers}", member.settings()),
        )
        .expect("writes");
    }

    fn found(&self) {
        let configs: Vec<PathBuf> = self.members.iter().map(Member::config).collect();
        let mut args = vec!["init", "--json", "--config"];
        args.extend(configs.iter().map(|config| text(config)));
        done(&args);
    }

    /// One more node, started, which joins.
    pub(crate) fn join(&mut self) -> u64 {
        let number = self.prepare();
        let via = self.any(&[number]).admin();
        self.configure(self.member(number), "");
        self.member_mut(number).start();
        self.member(number).until_answers();
        let config = self.member(number).config();
        done(&["join", "--json", "--config", text(&config), "--via", &via]);
        number
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn certs(&self) -> PathBuf {
        self.root.path().join("certs")
    }

    pub(crate) fn member(&self, number: u64) -> &Member {
        let found = self.members.iter().find(|member| member.number == number);
        found.expect("a member")
    }

    pub(crate) fn member_mut(&mut self, number: u64) -> &mut Member {
        let found = self.members.iter_mut().find(|member| member.number == number);
        found.expect("a member")
    }

    /// A member that runs, and is none of these.
    pub(crate) fn any(&self, but: &[u64]) -> &Member {
        let mut running = self.running();
        running
            .find(|member| !but.contains(&member.number))
            .expect("a member that runs")
    }

    pub(crate) fn running(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.is_serving())
    }

    /// Waits until every node that should run finds nothing wrong.
    pub(crate) fn until_healthy(&self) {
        for member in self.running() {
            let what = format!("node {} to find the cluster healthy", member.number);
            until(&what, DEADLINE, || {
                let status = member.http().get("/v1/status").ok()?;
                (status.json["healthy"] == true).then_some(())
            });
        }
    }

    /// Who leads, as soon as somebody does that is none of these.
    pub(crate) fn leader(&self, but: &[u64]) -> u64 {
        until("a leader", DEADLINE, || {
            let status = self.any(but).http().get("/v1/status").ok()?;
            status.json["leader"]
                .as_u64()
                .filter(|leader| !but.contains(leader))
        })
    }

    pub(crate) fn balancing(&self, on: bool) {
        self.insist("PUT", "/v1/balancing", &json!({ "on": on }));
    }

    /// Asks any node that runs, until it is done.
    pub(crate) fn insist(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut told = String::new();
        let begun = Instant::now();
        while begun.elapsed() < DEADLINE {
            for member in self.running() {
                match member.http().ask(method, path, Some(body)) {
                    Ok(answer) if answer.is_good() => return answer.json,
                    Ok(answer) => told = format!("{answer:?}"),
                    Err(error) => told = error,
                }
            }
            std::thread::sleep(PACE);
        }
        panic!("{method} {path} {body}: {told}");
    }

    pub(crate) fn exclude(&mut self, number: u64) {
        self.member_mut(number).is_excluded = true;
        let path = format!("/v1/nodes/{number}/exclude");
        self.insist("POST", &path, &json!({}));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for member in &self.members {
            println!("{}", member.said());
        }
    }
}
