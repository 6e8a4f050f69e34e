//! A private authority: makes certificates, on the spot or from a disk.

use std::fmt;
use std::time::{Duration, SystemTime};

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType,
};
use rustls::pki_types::CertificateDer;
use tidegate_transport::PeerId;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::name::NodeName;
use crate::{AuthorityError, Identity, identity};

/// How far the clocks of two nodes may be apart before a new certificate is refused.
const CLOCK_SKEW: Duration = Duration::from_secs(3600);
/// How long what is issued stays valid.
const VALIDITY: Duration = Duration::from_secs(365 * 24 * 3600);
/// How long an authority stays valid.
const AUTHORITY_VALIDITY: Duration = Duration::from_secs(3650 * 24 * 3600);
/// What an authority is called; its cluster follows.
const COMMON_NAME: &str = "tidegate authority of ";

/// The private authority of one cluster.
///
/// In memory for tests, demos and first steps; on a disk as PEM, for a cluster that lives longer. A cluster may have
/// any other authority: what a node needs of it goes into [`Identity::from_pem`].
///
/// ```
/// use tidegate_transport::PeerId;
/// use tidegate_transport_tls::authority::Authority;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let authority = Authority::new("blue")?;
/// let identity = authority.issue(PeerId::new(7))?;
/// assert_eq!((identity.cluster(), identity.node()), ("blue", PeerId::new(7)));
///
/// let again = Authority::from_pem(authority.certificates_pem(), &authority.key_pem())?;
/// assert_eq!(again.cluster(), "blue");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Authority {
    cluster: String,
    certificate: Vec<u8>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// The private key: for its owner's eyes only.
    pub key: String,
}

impl Authority {
    /// A new authority, with a key of its own, for the cluster of that name (1 to 63 of `a-z`, `0-9` and `-`). It is
    /// valid for ten years.
    ///
    /// # Errors
    ///
    /// [`AuthorityError`] if the name does not fit, or no key could be made.
    pub fn new(cluster: &str) -> Result<Self, AuthorityError> {
        let name = NodeName::new(cluster, PeerId::new(0))?;
        let key = KeyPair::generate().map_err(AuthorityError::Certificate)?;
        let mut params = params(format!("{COMMON_NAME}{}", name.cluster), AUTHORITY_VALIDITY);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(AuthorityError::Certificate)?;
        Ok(Self {
            cluster: name.cluster,
            certificate: certificate.der().to_vec(),
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        })
    }

    /// The authority that [`certificates_pem`](Self::certificates_pem) and [`key_pem`](Self::key_pem) were written by.
    /// Of several certificates, the one that the key belongs to counts.
    ///
    /// # Errors
    ///
    /// [`AuthorityError`] if something cannot be read, the key belongs to none of the certificates, or the one it
    /// belongs to was not made here.
    pub fn from_pem(certificates: &str, key: &str) -> Result<Self, AuthorityError> {
        let key = KeyPair::from_pem(key).map_err(AuthorityError::Certificate)?;
        let public = key.subject_public_key_info();
        let certificates_der = identity::certificates(certificates.as_bytes())?;
        let mut parsed = certificates_der.iter().filter_map(|der| {
            let (_, parsed) = X509Certificate::from_der(der).ok()?;
            Some((der, parsed))
        });
        let (der, parsed) = parsed
            .find(|(_, parsed)| parsed.public_key().raw == public)
            .ok_or(AuthorityError::OtherKey)?;
        let cluster = parsed
            .subject()
            .iter_common_name()
            .find_map(|name| name.as_str().ok()?.strip_prefix(COMMON_NAME))
            .ok_or(AuthorityError::Foreign)?;
        let cluster = NodeName::new(cluster, PeerId::new(0))?.cluster;
        let issuer = Issuer::from_ca_cert_der(&CertificateDer::from(der.as_slice()), key);
        Ok(Self {
            cluster,
            certificate: der.clone(),
            pem: certificates.to_owned(),
            issuer: issuer.map_err(AuthorityError::Certificate)?,
        })
    }

    /// A new key and certificate for a node. They are valid for a year.
    ///
    /// # Errors
    ///
    /// [`AuthorityError`] if no certificate could be made.
    pub fn issue(&self, node: PeerId) -> Result<Identity, AuthorityError> {
        let (certificate, key) = self.sign_node(node)?;
        let identity = Identity::from_der(
            vec![certificate.der().to_vec()],
            key.serialize_der(),
            vec![self.certificate.clone()],
        )?;
        Ok(identity)
    }

    /// As [`issue`](Self::issue), for the disk.
    ///
    /// # Errors
    ///
    /// [`AuthorityError`] if no certificate could be made.
    pub fn issue_pem(&self, node: PeerId) -> Result<Issued, AuthorityError> {
        let (certificate, key) = self.sign_node(node)?;
        Ok(Issued::new(&certificate, &key))
    }

    /// A new key and certificate for an ordinary TLS server of these host names and addresses. It is no node's: nodes
    /// refuse it. Valid for a year.
    ///
    /// # Errors
    ///
    /// [`AuthorityError`] if a name cannot stand in a certificate, or none could be made.
    pub fn issue_server_pem(&self, names: &[String]) -> Result<Issued, AuthorityError> {
        let key = KeyPair::generate().map_err(AuthorityError::Certificate)?;
        let mut params = params(format!("tidegate server in {}", self.cluster), VALIDITY);
        for name in names {
            params.subject_alt_names.push(match name.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(name.as_str().try_into().map_err(AuthorityError::Certificate)?),
            });
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = self.sign(params, &key)?;
        Ok(Issued::new(&certificate, &key))
    }

    fn sign_node(&self, node: PeerId) -> Result<(Certificate, KeyPair), AuthorityError> {
        let name = NodeName::new(&self.cluster, node)?;
        let key = KeyPair::generate().map_err(AuthorityError::Certificate)?;
        let mut params = params(format!("tidegate {node}"), VALIDITY);
        let uri = Ia5String::try_from(name.to_string()).map_err(AuthorityError::Certificate)?;
        params.subject_alt_names = vec![SanType::URI(uri)];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        Ok((self.sign(params, &key)?, key))
    }

    fn sign(&self, mut params: CertificateParams, key: &KeyPair) -> Result<Certificate, AuthorityError> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        params
            .signed_by(key, &self.issuer)
            .map_err(AuthorityError::Certificate)
    }

    /// The cluster that it is the authority of.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// The authority's own certificate, DER: what others need in order to believe what it issues.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The authority's own certificate, PEM; of one that was [read](Self::from_pem), all that stood with it.
    #[must_use]
    pub fn certificates_pem(&self) -> &str {
        &self.pem
    }

    /// Its private key, PEM. Whoever has it can pass for every node of the cluster.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }
}

impl Issued {
    fn new(certificate: &Certificate, key: &KeyPair) -> Self {
        Self {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

/// Never tells the key.
impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

fn params(common_name: String, validity: Duration) -> CertificateParams {
    let now = SystemTime::now();
    let mut params = CertificateParams::default();
    params.not_before = (now - CLOCK_SKEW).into();
    params.not_after = (now + validity).into();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NameError;

    #[test]
    fn an_identity_says_what_its_certificate_proves() {
        let identity = Authority::new("blue").unwrap().issue(PeerId::new(3)).unwrap();
        assert_eq!(
            NodeName::of_certificate(&identity.chain[0]).unwrap(),
            identity.name
        );
        assert_eq!(
            format!("{identity:?}"),
            r#"Identity { name: "tidegate://blue/node/3", .. }"#
        );
    }

    #[test]
    fn an_authority_survives_the_way_through_pem_and_issues_what_the_one_before_would() {
        let before = Authority::new("blue").unwrap();
        let after = Authority::from_pem(before.certificates_pem(), &before.key_pem()).unwrap();
        assert_eq!(
            (after.cluster(), after.certificate()),
            ("blue", before.certificate())
        );
        let Issued { certificate, key } = after.issue_pem(PeerId::new(3)).unwrap();
        let ca = before.certificates_pem().as_bytes();
        let identity = Identity::from_pem(certificate.as_bytes(), key.as_bytes(), ca).unwrap();
        assert_eq!((identity.cluster(), identity.node()), ("blue", PeerId::new(3)));
    }

    #[test]
    fn of_several_certificates_the_one_of_the_key_counts() {
        let (old, new) = (Authority::new("blue").unwrap(), Authority::new("blue").unwrap());
        let both = format!("{}{}", new.certificates_pem(), old.certificates_pem());
        for of in [&old, &new] {
            let read = Authority::from_pem(&both, &of.key_pem()).unwrap();
            assert_eq!(
                (read.certificate(), read.certificates_pem()),
                (of.certificate(), &*both)
            );
        }
        let other = Authority::from_pem(old.certificates_pem(), &new.key_pem());
        assert!(matches!(other, Err(AuthorityError::OtherKey)));
        let node = new.issue_pem(PeerId::new(1)).unwrap();
        let node = Authority::from_pem(&node.certificate, &node.key);
        assert!(
            matches!(node, Err(AuthorityError::Foreign)),
            "a node is no authority"
        );
        assert!(Authority::from_pem("", &new.key_pem()).is_err());
        assert!(Authority::from_pem(new.certificates_pem(), "no key").is_err());
    }

    #[test]
    fn a_server_is_no_node_and_a_key_is_never_told() {
        let authority = Authority::new("blue").unwrap();
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let issued = authority.issue_server_pem(&names).unwrap();
        assert!(!format!("{issued:?}").contains("PRIVATE"));
        let ca = authority.certificates_pem().as_bytes();
        let identity = Identity::from_pem(issued.certificate.as_bytes(), issued.key.as_bytes(), ca);
        assert!(identity.is_err());
        assert!(authority.issue_server_pem(&["ö".to_owned()]).is_err());
    }

    #[test]
    fn a_cluster_needs_a_plain_name() {
        for cluster in ["", "a/node/1", "A", "a b", &"a".repeat(64)] {
            let error = Authority::new(cluster).unwrap_err();
            assert!(
                matches!(error, AuthorityError::Name(NameError::NotACluster { .. })),
                "{cluster}"
            );
        }
    }
}
