//! Ends of a connection that are not this crate's: what an attacker, or another version, would run.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::forgery::Papers;
use crate::network::LONG;

const ALPN: &[u8] = b"tidegate-tcp";

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
pub(crate) fn client(papers: Option<&Papers>) -> TlsConnector {
    client_of(papers, &[ALPN])
}

/// The same, that offers these protocols.
pub(crate) fn client_of(papers: Option<&Papers>, protocols: &[&[u8]]) -> TlsConnector {
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
    tls.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    TlsConnector::from(Arc::new(tls))
}

/// A server that asks for no certificate and shows these papers.
pub(crate) fn server(papers: &Papers) -> TlsAcceptor {
    let mut tls = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![papers.certificate.clone().into()], key(papers))
        .unwrap();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    TlsAcceptor::from(Arc::new(tls))
}

/// A connection whose hello was answered.
pub(crate) struct Knocked {
    pub(crate) io: TlsStream<TcpStream>,
    /// The answer: 0 is a welcome.
    pub(crate) answer: u8,
}

/// Connects and says a hello of the given version; what the server says to that.
pub(crate) async fn knock(client: &TlsConnector, address: SocketAddr, version: u16) -> io::Result<Knocked> {
    let socket = TcpStream::connect(address).await?;
    let name = ServerName::try_from("n2.tidegate").unwrap();
    let mut io = client.connect(name, socket).await?;
    // What fails here is told by what is read.
    let _said = io.write_all(&hello(version)).await.is_ok() && io.flush().await.is_ok();
    let mut welcome = [0; 23];
    timeout(LONG, io.read_exact(&mut welcome)).await.unwrap()?;
    assert_eq!(welcome[..6], *b"tdgt\x00\x01");
    Ok(Knocked {
        io,
        answer: welcome[6],
    })
}

pub(crate) fn hello(version: u16) -> [u8; 20] {
    let mut hello = [0; 20];
    hello[..4].copy_from_slice(b"tdgt");
    hello[4..6].copy_from_slice(&version.to_be_bytes());
    hello[6..14].copy_from_slice(&77_u64.to_be_bytes());
    hello[14..18].copy_from_slice(&(1_u32 << 20).to_be_bytes());
    hello
}

/// What TLS said of the certificates, if that is what ended a connection.
pub(crate) fn alert(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}
