//! A private authority: makes certificates on the spot.

use std::time::{Duration, SystemTime};

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType,
};
use tidegate_transport::PeerId;

use crate::name::NodeName;
use crate::{AuthorityError, Identity};

/// How far the clocks of two nodes may be apart before a new certificate is refused.
const CLOCK_SKEW: Duration = Duration::from_secs(3600);
/// How long what is issued stays valid.
const VALIDITY: Duration = Duration::from_secs(365 * 24 * 3600);

/// The private authority of one cluster, its key in memory only: for tests, demos and first steps.
///
/// A cluster that lives longer has its own authority; what a node needs of it goes into [`Identity::from_der`].
///
/// ```
/// use tidegate_transport::PeerId;
/// use tidegate_transport_quic::authority::Authority;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let authority = Authority::new("blue")?;
/// let identity = authority.issue(PeerId::new(7))?;
/// assert_eq!((identity.cluster(), identity.node()), ("blue", PeerId::new(7)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Authority {
    cluster: String,
    certificate: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new authority, with a key of its own, for the cluster of that name (1 to 63 of `a-z`, `0-9` and `-`).
    ///
    /// # Errors
    ///
    /// [`AuthorityError`] if the name does not fit, or no key could be made.
    pub fn new(cluster: &str) -> Result<Self, AuthorityError> {
        let name = NodeName::new(cluster, PeerId::new(0))?;
        let key = KeyPair::generate().map_err(AuthorityError::Certificate)?;
        let mut params = params(format!("tidegate authority of {}", name.cluster));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params
            .self_signed(&key)
            .map_err(AuthorityError::Certificate)?
            .der()
            .to_vec();
        Ok(Self {
            cluster: name.cluster,
            certificate,
            issuer: Issuer::new(params, key),
        })
    }

    /// A new key and certificate for a node. They are valid for a year.
    ///
    /// # Errors
    ///
    /// [`AuthorityError`] if no certificate could be made.
    pub fn issue(&self, node: PeerId) -> Result<Identity, AuthorityError> {
        let name = NodeName::new(&self.cluster, node)?;
        let key = KeyPair::generate().map_err(AuthorityError::Certificate)?;
        let mut params = params(format!("tidegate {node}"));
        let uri = Ia5String::try_from(name.to_string()).map_err(AuthorityError::Certificate)?;
        params.subject_alt_names = vec![SanType::URI(uri)];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.use_authority_key_identifier_extension = true;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(AuthorityError::Certificate)?;
        let identity = Identity::from_der(
            vec![certificate.der().to_vec()],
            key.serialize_der(),
            vec![self.certificate.clone()],
        )?;
        Ok(identity)
    }

    /// The authority's own certificate, DER: what others need in order to believe what it issues.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }
}

fn params(common_name: String) -> CertificateParams {
    let now = SystemTime::now();
    let mut params = CertificateParams::default();
    params.not_before = (now - CLOCK_SKEW).into();
    params.not_after = (now + VALIDITY).into();
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
