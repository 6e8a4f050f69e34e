//! What a cluster has on the disk: certificates, and each node's configuration.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::program::Program;

const CLUSTER: &str = "local";

/// The directory, and what is in it.
#[derive(Debug)]
pub(super) struct Files {
    dir: PathBuf,
    members: Vec<Member>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) number: u32,
    pub(super) config: PathBuf,
    pub(super) log: PathBuf,
    /// `host:port` of its transport.
    pub(super) transport: String,
    /// The URL of its admin API.
    pub(super) admin: String,
}

impl Files {
    /// Reads what is there, and adds what is missing: for so many nodes, or as many as there are, or by default.
    pub(super) fn prepare(program: &Program, dir: &Path, nodes: Option<u32>, default: u32) -> Result<Self> {
        let there = (1..).take_while(|number| config(dir, *number).exists()).count();
        let there = u32::try_from(there).unwrap_or(u32::MAX);
        let nodes = nodes.unwrap_or(if there == 0 { default } else { there });
        if there > nodes {
            println!("of {there} nodes in {} only {nodes} are started", dir.display());
        }
        let certs = dir.join("certs");
        if !certs.join("ca.pem").exists() {
            program.make_authority(&certs, CLUSTER)?;
        }
        let mut members = Vec::new();
        // Held until all are chosen, so that no port comes twice.
        let mut held = Vec::new();
        for number in 1..=nodes {
            if !certs.join(format!("node-{number}.pem")).exists() {
                program.issue(&certs, number)?;
            }
            let member = match Member::read(dir, number) {
                Some(member) => member,
                None => {
                    let ports = Ports::free()?;
                    let member = Member::new(dir, number, ports.transport, ports.admin);
                    held.push(ports);
                    member
                }
            };
            members.push(member);
        }
        drop(held);
        let files = Self {
            dir: dir.to_owned(),
            members,
        };
        files.write_missing()?;
        Ok(files)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    fn write_missing(&self) -> Result<()> {
        for member in &self.members {
            if !member.config.exists() {
                fs::write(&member.config, self.text(member))
                    .with_context(|| format!("cannot write {}", member.config.display()))?;
            }
        }
        Ok(())
    }

    /// A configuration; what it names by relative paths lies beside it.
    fn text(&self, member: &Member) -> String {
        let number = member.number;
        let admin = member.admin.trim_start_matches("http://");
        let mut text = format!(
            "node = {number}\ndata = \"data-{number}\"\nlisten = \"{}\"\n\n[tls]\nca = \"certs/ca.pem\"\n\
             certificate = \"certs/node-{number}.pem\"\nkey = \"certs/node-{number}.key\"\n\n[admin]\n\
             listen = \"{admin}\"\n\n[peers]\n",
            member.transport
        );
        for peer in self.members.iter().filter(|peer| peer.number != number) {
            text.push_str(&format!("{} = \"{}\"\n", peer.number, peer.transport));
        }
        text
    }
}

fn config(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("n{number}.toml"))
}

impl Member {
    fn new(dir: &Path, number: u32, transport: u16, admin: u16) -> Self {
        Self {
            number,
            config: config(dir, number),
            log: dir.join(format!("n{number}.log")),
            transport: format!("127.0.0.1:{transport}"),
            admin: format!("http://127.0.0.1:{admin}"),
        }
    }

    /// What an earlier start has written.
    fn read(dir: &Path, number: u32) -> Option<Self> {
        let text = fs::read_to_string(config(dir, number)).ok()?;
        let (transport, admin) = listens(&text)?;
        Some(Self::new(dir, number, transport, admin))
    }
}

/// The two ports of a configuration: the first `listen` is the transport's, the one in `[admin]` the API's.
fn listens(text: &str) -> Option<(u16, u16)> {
    let mut ports = text.lines().filter_map(|line| {
        let address = line.strip_prefix("listen = \"")?.trim_end_matches(['"', ' ']);
        address.rsplit(':').next()?.parse().ok()
    });
    Some((ports.next()?, ports.next()?))
}

/// Two free ports, held.
struct Ports {
    transport: u16,
    admin: u16,
    _held: (UdpSocket, TcpListener),
}

impl Ports {
    fn free() -> Result<Self> {
        let udp = UdpSocket::bind("127.0.0.1:0").context("no free port")?;
        let tcp = TcpListener::bind("127.0.0.1:0").context("no free port")?;
        Ok(Self {
            transport: udp.local_addr()?.port(),
            admin: tcp.local_addr()?.port(),
            _held: (udp, tcp),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read_as_it_was_written() {
        let dir = Path::new("somewhere");
        let files = Files {
            dir: dir.to_owned(),
            members: vec![Member::new(dir, 1, 7001, 8001), Member::new(dir, 2, 7002, 8002)],
        };
        let text = files.text(&files.members[1]);
        assert_eq!(listens(&text), Some((7002, 8002)));
        assert!(text.ends_with("[peers]\n1 = \"127.0.0.1:7001\"\n"), "{text}");
        assert_eq!(listens("node = 1\n"), None);
    }
}
