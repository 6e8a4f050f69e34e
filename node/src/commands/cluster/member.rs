//! A node, as `init` and `join` name it.

use std::path::Path;
use std::str::FromStr;

use super::Failure;
use crate::api::FoundingNode;

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
        Err(Failure::arguments(
            format!("{} cannot be read", path.display()),
            "--node ID=TRANSPORT,ADMIN",
        ))
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
