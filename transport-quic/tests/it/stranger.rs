//! Ends of a connection that are not this crate's: what an attacker, or another version, would run.

use std::net::SocketAddr;
use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{Connection, ConnectionError, Endpoint};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme};
use tokio::time::timeout;

use crate::forgery::Papers;
use crate::network::{LONG, anywhere};

/// Believes every server.
#[derive(Debug)]
struct Gullible(Arc<CryptoProvider>);

impl ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn key(papers: &Papers) -> PrivateKeyDer<'static> {
    PrivateKeyDer::try_from(papers.key.clone()).unwrap()
}

/// A client that believes anyone, with these papers or none.
pub(crate) fn client(papers: Option<&Papers>) -> Endpoint {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Gullible(provider())));
    let mut tls = match papers {
        Some(papers) => builder
            .with_client_auth_cert(vec![papers.certificate.clone().into()], key(papers))
            .unwrap(),
        None => builder.with_no_client_auth(),
    };
    tls.alpn_protocols = vec![b"tidegate".to_vec()];
    let mut endpoint = Endpoint::client(anywhere()).unwrap();
    let quic = QuicClientConfig::try_from(tls).unwrap();
    endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(quic)));
    endpoint
}

/// A server that asks for no certificate and shows these papers.
pub(crate) fn server(papers: &Papers) -> Endpoint {
    let mut tls = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![papers.certificate.clone().into()], key(papers))
        .unwrap();
    tls.alpn_protocols = vec![b"tidegate".to_vec()];
    let quic = QuicServerConfig::try_from(tls).unwrap();
    Endpoint::server(quinn::ServerConfig::with_crypto(Arc::new(quic)), anywhere()).unwrap()
}

/// Connects and says a hello of the given version; what the server says to that.
pub(crate) async fn knock(
    client: &Endpoint,
    address: SocketAddr,
    version: u16,
) -> Result<Connection, ConnectionError> {
    let connection = client.connect(address, "n2.tidegate").unwrap().await?;
    if let Ok((mut send, mut recv)) = connection.open_bi().await {
        // What fails here is told by the connection.
        let _sent = send.write_all(&hello(version)).await.is_ok() && send.finish().is_ok();
        let welcome = timeout(LONG, recv.read_to_end(100)).await.unwrap();
        if welcome.is_ok_and(|welcome| welcome.len() == 15) {
            return Ok(connection);
        }
    }
    Err(timeout(LONG, connection.closed()).await.unwrap())
}

pub(crate) fn hello(version: u16) -> [u8; 15] {
    let mut hello = [0; 15];
    hello[..4].copy_from_slice(b"tdgt");
    hello[4..6].copy_from_slice(&version.to_be_bytes());
    hello[6..14].copy_from_slice(&77_u64.to_be_bytes());
    hello
}
