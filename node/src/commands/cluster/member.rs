//! A node, as `init` and `join` name it.

use std::path::Path;
use std::str::FromStr;

use super::Failure;
use crate::api::FoundingNode;
use crate::config::{NodeConfig, Overrides};

/// A node: its number and where it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) id: u64,
    pub(super) transport: String,
    pub(super) admin: String,
    pub(super) rack: Option<String>,
}

impl Member {
    /// As its configuration has it.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let config = NodeConfig::load(path, Overrides::default()).map_err(|error| {
            Failure::arguments(
                format!("{}: {error}", path.display()),
                "--config with what `tidegate serve` takes, or --node ID=TRANSPORT,ADMIN",
            )
        })?;
        Ok(Self {
            id: config.node.as_u64(),
            transport: config.advertise.unwrap_or_else(|| config.listen.to_string()),
            admin: config.admin.advertise,
            rack: config.rack,
        })
    }

    pub(super) fn founding(&self) -> FoundingNode {
        FoundingNode {
            id: self.id,
            transport: self.transport.clone(),
            admin: self.admin.clone(),
            rack: self.rack.clone(),
        }
    }
}

impl FromStr for Member {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected ID=TRANSPORT,ADMIN[,RACK], such as 1=127.0.0.1:7401,http://127.0.0.1:7481";
        let (id, rest) = text.split_once('=').ok_or(expected)?;
        let id = id
            .parse()
            .ok()
            .filter(|id| *id > 0)
            .ok_or_else(|| format!("{id:?} is no node's number: they begin with 1"))?;
        let parts: Vec<&str> = rest.split(',').collect();
        let (transport, admin, rack) = match parts.as_slice() {
            [transport, admin] => (*transport, *admin, None),
            [transport, admin, rack] if !rack.is_empty() => (*transport, *admin, Some((*rack).to_owned())),
            _ => return Err(expected.to_owned()),
        };
        if !transport.contains(':') || transport.contains('/') {
            return Err(format!("{transport:?} is no HOST:PORT"));
        }
        if !admin.starts_with("http://") && !admin.starts_with("https://") {
            return Err(format!("{admin:?} is no URL of an admin API"));
        }
        Ok(Self {
            id,
            transport: transport.to_owned(),
            admin: admin.to_owned(),
            rack,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_as_its_configuration_says() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("n3.toml");
        let text = "node = 3\ndata = \"d\"\nlisten = \"127.0.0.1:7403\"\nrack = \"b\"\n\
                    [tls]\nca = \"c\"\ncertificate = \"c\"\nkey = \"k\"\n\
                    [admin]\nlisten = \"127.0.0.1:7483\"\n";
        std::fs::write(&path, text).expect("writes");
        let named: Member = "3=127.0.0.1:7403,http://127.0.0.1:7483,b"
            .parse()
            .expect("a node");
        assert_eq!(Member::read(&path).expect("makes sense"), named);
        std::fs::write(&path, "node = 3\nx = 1\n").expect("writes");
        let failure = Member::read(&path).expect_err("an unknown key");
        assert_eq!(failure.exit(), crate::commands::Exit::BadArguments);
    }

    #[test]
    fn a_node_is_named_in_one_word() {
        let member: Member = "2=[::1]:7402,http://[::1]:7482,b".parse().expect("a node");
        assert_eq!(
            member,
            Member {
                id: 2,
                transport: "[::1]:7402".to_owned(),
                admin: "http://[::1]:7482".to_owned(),
                rack: Some("b".to_owned()),
            }
        );
        for bad in [
            "1",
            "0=a:1,http://a",
            "1=a,http://a",
            "1=a:1",
            "1=a:1,a:2",
            "1=a:1,http://a,",
        ] {
            assert!(bad.parse::<Member>().is_err(), "{bad}");
        }
    }
}
