//! What a node proves itself with, and whom it believes.

use std::fmt;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tidegate_transport::PeerId;

use crate::IdentityError;
use crate::name::NodeName;

/// A node's key, its certificate, and the authorities whose word it takes for others.
///
/// Cluster and node are read from the certificate, so that what a node says of itself is what it can prove.
pub struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
    pub(crate) roots: RootCertStore,
    pub(crate) name: NodeName,
}

impl Identity {
    /// An identity from DER: the certificate and those between it and the authority, the private key (PKCS #8, SEC 1
    /// or PKCS #1), and the authorities' certificates.
    ///
    /// # Errors
    ///
    /// [`IdentityError`] if something cannot be read, or the certificate does not name exactly one node.
    pub fn from_der(
        chain: Vec<Vec<u8>>,
        key: Vec<u8>,
        authorities: Vec<Vec<u8>>,
    ) -> Result<Self, IdentityError> {
        let name = NodeName::of_certificate(chain.first().ok_or(IdentityError::Certificate)?)?;
        let key = PrivateKeyDer::try_from(key).map_err(|reason| IdentityError::Key(reason.to_owned()))?;
        if authorities.is_empty() {
            return Err(IdentityError::Certificate);
        }
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots
                .add(CertificateDer::from(authority))
                .map_err(|_| IdentityError::Certificate)?;
        }
        Ok(Self {
            chain: chain.into_iter().map(CertificateDer::from).collect(),
            key,
            roots,
            name,
        })
    }

    /// An identity from PEM: the certificate and those between it and the authority, the private key, and the
    /// authorities' certificates. What else a text holds is passed over.
    ///
    /// # Errors
    ///
    /// [`IdentityError`] if something cannot be read, or the certificate does not name exactly one node.
    pub fn from_pem(chain: &[u8], key: &[u8], authorities: &[u8]) -> Result<Self, IdentityError> {
        let key =
            PrivateKeyDer::from_pem_slice(key).map_err(|error| IdentityError::Key(error.to_string()))?;
        Self::from_der(
            certificates(chain)?,
            key.secret_der().to_vec(),
            certificates(authorities)?,
        )
    }

    /// The node it speaks for.
    #[must_use]
    pub fn node(&self) -> PeerId {
        self.name.node
    }

    /// The cluster the node belongs to.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.name.cluster
    }

    /// Node and cluster, as its certificate names them.
    #[must_use]
    pub fn name(&self) -> &NodeName {
        &self.name
    }

    /// The certificates that it shows, in DER: its own, and those between it and the authority.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.chain.iter().map(AsRef::as_ref)
    }

    /// Whether it may take the place of another identity of this node.
    ///
    /// # Errors
    ///
    /// [`IdentityError::OtherNode`] if it is the identity of another node, or of a node of another cluster.
    pub fn must_be_of(&self, name: &NodeName) -> Result<(), IdentityError> {
        if self.name == *name {
            Ok(())
        } else {
            Err(IdentityError::OtherNode)
        }
    }
}

pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, IdentityError> {
    CertificateDer::pem_slice_iter(pem)
        .map(|certificate| certificate.map(|der| der.to_vec()))
        .collect::<Result<_, _>>()
        .map_err(|_| IdentityError::Certificate)
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            key: self.key.clone_key(),
            roots: self.roots.clone(),
            name: self.name.clone(),
        }
    }
}

/// Tells the name, never the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("name", &self.name.to_string())
            .finish_non_exhaustive()
    }
}
