//! A node of the cluster: its files, and its process.

use std::fs::{self, File};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use super::{DEADLINE, Http, command, until};

/// Lines of a log that are shown when a test fails.
const SHOWN: usize = 60;

pub(crate) struct Member {
    pub(crate) number: u64,
    pub(crate) transport: u16,
    admin: u16,
    root: PathBuf,
    child: Option<Child>,
    /// Bytes of rows that fit on its disk.
    pub(crate) quota: Option<u64>,
    pub(crate) is_excluded: bool,
    is_frozen: bool,
}

impl Member {
    pub(super) fn new(root: &Path, number: u64) -> Self {
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Self {
            number,
            transport: udp.local_addr().expect("an address").port(),
            admin: tcp.local_addr().expect("an address").port(),
            root: root.to_owned(),
            child: None,
            quota: None,
            is_excluded: false,
            is_frozen: false,
        }
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.root.join(format!("n{}.toml", self.number))
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root.join(format!("data-{}", self.number))
    }

    fn log(&self) -> PathBuf {
        self.root.join(format!("n{}.log", self.number))
    }

    /// Everything but the peers.
    pub(super) fn settings(&self) -> String {
        let Self {
            number,
            transport,
            admin,
            ..
        } = self;
        format!(
            "node = {number}\ndata = 'data-{number}'\nlisten = '127.0.0.1:{transport}'\n\
             [tls]\nca = 'certs/ca.pem'\ncertificate = 'certs/node-{number}.pem'\n\
             key = 'certs/node-{number}.key'\n[admin]\nlisten = '127.0.0.1:{admin}'\n\
             [log]\nfilter = 'info,openraft=warn,tidegate_coordinator=debug,tidegate_replica=debug'\n"
        )
    }

    pub(crate) fn admin(&self) -> String {
        format!("http://127.0.0.1:{}", self.admin)
    }

    pub(crate) fn http(&self) -> Http {
        Http::new(self.admin())
    }

    /// A client that does not wait long.
    pub(crate) fn http_within(&self, deadline: Duration) -> Http {
        Http::within(self.admin(), deadline)
    }

    pub(crate) fn start(&mut self) {
        assert!(self.child.is_none(), "node {} runs", self.number);
        let log = File::options().create(true).append(true).open(self.log());
        let log = log.expect("a log");
        let config = self.config();
        let mut serve = command(&["serve", "--config", super::text(&config)]);
        serve.env("RUST_BACKTRACE", "1");
        if let Some(quota) = self.quota {
            serve.env("TIDEGATE_QUOTA_BYTES", quota.to_string());
        }
        serve.stdout(log.try_clone().expect("a handle")).stderr(log);
        self.child = Some(serve.spawn().expect("starts"));
        self.is_frozen = false;
    }

    /// Started, or started again: answers, and knows who leads.
    pub(crate) fn until_answers(&self) {
        until(&format!("node {} to answer", self.number), DEADLINE, || {
            let answer = self.http().get("/healthz").ok()?;
            answer.is_good().then_some(())
        });
    }

    pub(crate) fn until_ready(&self) {
        until(&format!("node {} to be ready", self.number), DEADLINE, || {
            let answer = self.http().get("/readyz").ok()?;
            answer.is_good().then_some(())
        });
    }

    /// Whether it should answer, and does its part.
    pub(crate) const fn is_serving(&self) -> bool {
        self.child.is_some() && !self.is_excluded && !self.is_frozen
    }

    pub(crate) fn signal(&self, name: &str) {
        let child = self.child.as_ref().expect("it runs");
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &child.id().to_string()])
            .status();
        assert!(sent.expect("runs").success(), "-{name} to node {}", self.number);
    }

    pub(crate) fn freeze(&mut self) {
        self.signal("STOP");
        self.is_frozen = true;
    }

    pub(crate) fn thaw(&mut self) {
        self.signal("CONT");
        self.is_frozen = false;
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("is killed");
        child.wait().expect("is waited for");
    }

    /// Asks it to end in good order, and has it do so.
    pub(crate) fn stop(&mut self) {
        self.signal("TERM");
        let mut child = self.child.take().expect("it runs");
        let status = until(&format!("node {} to stop", self.number), DEADLINE, || {
            child.try_wait().expect("is waited for")
        });
        assert!(status.success(), "node {}: {status}", self.number);
    }

    /// All that it has said.
    pub(crate) fn log_text(&self) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// The end of what it has said.
    pub(super) fn said(&self) -> String {
        let log = self.log_text();
        let lines: Vec<&str> = log.lines().collect();
        let end = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
        format!("---- node {} ----\n{end}", self.number)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
