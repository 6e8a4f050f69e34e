//! TLS as nodes speak it: 1.3, both ends proven, nothing resumed, nothing early.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};

use crate::verify::{VerifyClient, VerifyServer};
use crate::{Identity, IdentityError};

/// aws-lc-rs, named here and never taken from a process-wide default; AES-128 first, as it is the fastest.
fn provider() -> Arc<CryptoProvider> {
    let suites = [
        aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256,
        aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384,
    ];
    Arc::new(CryptoProvider {
        cipher_suites: suites.to_vec(),
        ..aws_lc_rs::default_provider()
    })
}

/// The end that connects: it shows the identity's certificate, and believes the node that it
/// [means to reach](crate::expected_name). `protocol` is offered by ALPN.
///
/// # Errors
///
/// [`IdentityError::Tls`] if rustls does not take key and certificates together.
pub fn client_config(identity: &Identity, protocol: &[u8]) -> Result<ClientConfig, IdentityError> {
    let provider = provider();
    let verifier = VerifyServer {
        roots: identity.roots.clone(),
        algorithms: provider.signature_verification_algorithms,
        own: identity.name.clone(),
    };
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(IdentityError::Tls)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
        .map_err(IdentityError::Tls)?;
    tls.alpn_protocols = vec![protocol.to_vec()];
    tls.enable_sni = false;
    tls.enable_early_data = false;
    // A resumed handshake shows no certificate.
    tls.resumption = Resumption::disabled();
    Ok(tls)
}

/// The end that accepts: it shows the identity's certificate, and believes every other node of its cluster.
/// `protocol` is the only one that it agrees to by ALPN. Outside QUIC, rustls lets a client through that offers none:
/// look at `alpn_protocol` after the handshake.
///
/// # Errors
///
/// [`IdentityError::Tls`] if rustls does not take key and certificates together.
pub fn server_config(identity: &Identity, protocol: &[u8]) -> Result<ServerConfig, IdentityError> {
    let provider = provider();
    let verifier = VerifyClient::new(
        identity.roots.clone(),
        Arc::clone(&provider),
        identity.name.clone(),
    )
    .map_err(IdentityError::Tls)?;
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(IdentityError::Tls)?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(identity.chain.clone(), identity.key.clone_key())
        .map_err(IdentityError::Tls)?;
    tls.alpn_protocols = vec![protocol.to_vec()];
    tls.max_early_data_size = 0;
    tls.send_tls13_tickets = 0;
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(tls)
}

/// A number that nobody guesses and nobody had before: what tells one start of a node from another.
///
/// # Errors
///
/// [`IdentityError::Tls`] if the system gives no random bytes.
pub fn random_number() -> Result<u64, IdentityError> {
    let mut bytes = [0; 8];
    aws_lc_rs::default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| IdentityError::Tls(rustls::Error::FailedToGetRandomBytes))?;
    Ok(u64::from_be_bytes(bytes))
}
