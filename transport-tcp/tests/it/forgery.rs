//! An authority that signs whatever it is asked to.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use tidegate_transport_tcp::Identity;

pub(crate) struct Forger {
    certificate: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, DER.
pub(crate) struct Papers {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

impl Forger {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "forger");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(&key).unwrap().der().to_vec();
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    /// Its own certificate.
    pub(crate) fn root(&self) -> Vec<u8> {
        self.certificate.clone()
    }

    /// Papers that carry these URIs.
    pub(crate) fn papers(&self, uris: &[&str]) -> Papers {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = uris
            .iter()
            .map(|uri| SanType::URI((*uri).try_into().unwrap()))
            .collect();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        Papers {
            certificate,
            key: key.serialize_der(),
        }
    }

    /// An identity that believes this forger only.
    pub(crate) fn identity(&self, uri: &str) -> Identity {
        let papers = self.papers(&[uri]);
        Identity::from_der(vec![papers.certificate], papers.key, vec![self.root()]).unwrap()
    }
}
