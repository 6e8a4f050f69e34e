//! The checks of certificates: a chain to the private authority, and the one node it names.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};
use tidegate_transport::PeerId;

use crate::name::NodeName;

const SUFFIX: &str = ".tidegate";

/// How a client tells its own verifier whom it means to reach. It is never sent: SNI is off.
#[must_use]
pub fn expected_name(peer: PeerId) -> String {
    format!("n{}{SUFFIX}", peer.as_u64())
}

/// The node that the certificates of a connection name, of which the peer's own is the first. Its chain and its
/// cluster were checked by TLS, if that was configured [here](crate::server_config).
#[must_use]
pub fn proven_peer(certificates: &[CertificateDer<'_>]) -> Option<PeerId> {
    NodeName::of_certificate(certificates.first()?)
        .ok()
        .map(|name| name.node)
}

fn expected_peer(name: &ServerName<'_>) -> Option<PeerId> {
    let ServerName::DnsName(name) = name else {
        return None;
    };
    name.as_ref()
        .strip_prefix('n')?
        .strip_suffix(SUFFIX)?
        .parse()
        .ok()
        .map(PeerId::new)
}

fn refused() -> Error {
    Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
}

/// The client's check of the server: the right authority, the right cluster, the expected node.
#[derive(Debug)]
pub(crate) struct VerifyServer {
    pub(crate) roots: RootCertStore,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
    pub(crate) own: NodeName,
}

impl ServerCertVerifier for VerifyServer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &self.roots,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        let name = NodeName::of_certificate(end_entity).map_err(|_| refused())?;
        if name.cluster == self.own.cluster && Some(name.node) == expected_peer(server_name) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(refused())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The server's check of the client: the right authority, the right cluster, some other node.
#[derive(Debug)]
pub(crate) struct VerifyClient {
    chain: Arc<dyn ClientCertVerifier>,
    own: NodeName,
}

impl VerifyClient {
    pub(crate) fn new(
        roots: RootCertStore,
        provider: Arc<CryptoProvider>,
        own: NodeName,
    ) -> Result<Self, Error> {
        let chain = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| Error::General(error.to_string()))?;
        Ok(Self { chain, own })
    }
}

impl ClientCertVerifier for VerifyClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.chain.verify_client_cert(end_entity, intermediates, now)?;
        let name = NodeName::of_certificate(end_entity).map_err(|_| refused())?;
        if name.cluster == self.own.cluster && name.node != self.own.node {
            Ok(verified)
        } else {
            Err(refused())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_peer_survives_the_way_through_a_server_name() {
        for id in [0, 1, u64::MAX] {
            let name = ServerName::try_from(expected_name(PeerId::new(id))).unwrap();
            assert_eq!(expected_peer(&name), Some(PeerId::new(id)));
        }
        assert_eq!(expected_peer(&ServerName::try_from("localhost").unwrap()), None);
        assert_eq!(expected_peer(&ServerName::try_from("127.0.0.1").unwrap()), None);
    }
}
