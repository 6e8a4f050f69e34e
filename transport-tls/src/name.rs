//! Who a certificate speaks for: `tidegate://<cluster>/node/<id>`.

use std::fmt;

use tidegate_transport::PeerId;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::NameError;

const SCHEME: &str = "tidegate://";
const NODE: &str = "/node/";

/// The one node that a certificate names: `tidegate://<cluster>/node/<id>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeName {
    pub(crate) cluster: String,
    pub(crate) node: PeerId,
}

impl NodeName {
    pub(crate) fn new(cluster: &str, node: PeerId) -> Result<Self, NameError> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if cluster.is_empty() || cluster.len() > 63 || !cluster.chars().all(fits) {
            return Err(NameError::NotACluster {
                cluster: cluster.to_owned(),
            });
        }
        Ok(Self {
            cluster: cluster.to_owned(),
            node,
        })
    }

    /// Reads the one alternative name of a certificate (DER) that is a URI. What signed it is another question.
    ///
    /// # Errors
    ///
    /// [`NameError`] if it cannot be read, or does not name exactly one node.
    pub fn of_certificate(der: &[u8]) -> Result<Self, NameError> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| NameError::Unreadable)?;
        if !rest.is_empty() {
            return Err(NameError::Unreadable);
        }
        let names = certificate
            .subject_alternative_name()
            .map_err(|_| NameError::Unreadable)?;
        let uris: Vec<&str> = names
            .iter()
            .flat_map(|extension| &extension.value.general_names)
            .filter_map(|name| {
                if let GeneralName::URI(uri) = name {
                    Some(*uri)
                } else {
                    None
                }
            })
            .collect();
        match uris.as_slice() {
            [uri] => Self::parse(uri),
            _ => Err(NameError::NotOne { count: uris.len() }),
        }
    }

    /// Its cluster.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// Its id in that cluster.
    #[must_use]
    pub fn node(&self) -> PeerId {
        self.node
    }

    fn parse(uri: &str) -> Result<Self, NameError> {
        let not_a_node = || NameError::NotANode { uri: uri.to_owned() };
        let (cluster, id) = uri
            .strip_prefix(SCHEME)
            .and_then(|rest| rest.split_once(NODE))
            .ok_or_else(not_a_node)?;
        let node: u64 = id.parse().map_err(|_| not_a_node())?;
        let name = Self::new(cluster, PeerId::new(node)).map_err(|_| not_a_node())?;
        // One spelling only: "+7" and "007" name nobody.
        if name.to_string() == uri {
            Ok(name)
        } else {
            Err(not_a_node())
        }
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}{NODE}{}", self.cluster, self.node.as_u64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_survives_the_way_through_a_uri() {
        let name = NodeName::new("blue-7", PeerId::new(u64::MAX)).unwrap();
        assert_eq!(NodeName::parse(&name.to_string()).unwrap(), name);
    }

    #[test]
    fn only_one_spelling_names_a_node() {
        for uri in [
            "",
            "tidegate://",
            "tidegate:///node/1",
            "tidegate://blue/node/",
            "tidegate://blue/node/+1",
            "tidegate://blue/node/01",
            "tidegate://blue/node/1/",
            "tidegate://blue/node/1/node/2",
            "tidegate://blue/node/18446744073709551616",
            "tidegate://Blue/node/1",
            "TIDEGATE://blue/node/1",
            "https://blue/node/1",
            "tidegate://blue/peer/1",
        ] {
            assert_eq!(
                NodeName::parse(uri),
                Err(NameError::NotANode { uri: uri.to_owned() }),
                "{uri}"
            );
        }
    }

    #[test]
    fn bytes_that_are_no_certificate_name_nobody() {
        assert_eq!(
            NodeName::of_certificate(b"no certificate"),
            Err(NameError::Unreadable)
        );
    }
}
