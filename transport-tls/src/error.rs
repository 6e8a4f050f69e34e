//! What is wrong with keys, certificates and names.

use thiserror::Error;

/// Why key and certificates make no identity.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// There is no certificate, or one of them cannot be read.
    #[error("a certificate is missing or cannot be read")]
    Certificate,
    /// The key is none that TLS can use.
    #[error("the private key cannot be used: {0}")]
    Key(String),
    /// The certificate does not name exactly one node.
    #[error("the certificate names no node: {0}")]
    Name(#[from] NameError),
    /// It is the identity of another node.
    #[error("it is the identity of another node")]
    OtherNode,
    /// TLS does not take them together.
    #[error("TLS does not take key and certificates")]
    Tls(#[source] rustls::Error),
}

/// Why a certificate does not name a node.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// The certificate cannot be read.
    #[error("the certificate cannot be read")]
    Unreadable,
    /// It has none, or more than one, URI among its alternative names.
    #[error("{count} alternative names are URIs, and not one")]
    NotOne {
        /// How many it has.
        count: usize,
    },
    /// The URI is not of the form `tidegate://<cluster>/node/<id>`.
    #[error("the URI {uri:?} names no node")]
    NotANode {
        /// What it says.
        uri: String,
    },
    /// The name of a cluster is 1 to 63 of `a-z`, `0-9` and `-`.
    #[error("{cluster:?} is no name of a cluster")]
    NotACluster {
        /// What was given.
        cluster: String,
    },
}

/// Why the private authority could not do its work.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// The cluster's name cannot be part of a URI.
    #[error("the cluster has no usable name")]
    Name(#[from] NameError),
    /// Making a key or a certificate failed.
    #[error("a certificate could not be made")]
    Certificate(#[source] rcgen::Error),
    /// The key belongs to none of the certificates.
    #[error("the key belongs to none of the authority's certificates")]
    OtherKey,
    /// The certificate names no cluster: it was made by something else.
    #[error("the certificate is none of an authority that was made here")]
    Foreign,
    /// What was made, or read, is no identity.
    #[error("key and certificates make no identity")]
    Identity(#[from] IdentityError),
}
