//! TLS as this transport speaks it: 1.3, both ends proven, nothing resumed, nothing early.

use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};

use crate::verify::{VerifyClient, VerifyServer};
use crate::{Identity, IdentityError, QuicLimits};

const ALPN: &[u8] = b"tidegate";

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

pub(crate) fn client_config(
    identity: &Identity,
    limits: &QuicLimits,
) -> Result<quinn::ClientConfig, IdentityError> {
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
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls.enable_sni = false;
    tls.enable_early_data = false;
    // A resumed handshake shows no certificate.
    tls.resumption = Resumption::disabled();
    let quic = QuicClientConfig::try_from(tls)
        .map_err(|error| IdentityError::Tls(rustls::Error::General(error.to_string())))?;
    let mut config = quinn::ClientConfig::new(Arc::new(quic));
    config.transport_config(Arc::new(limits.transport_config()));
    Ok(config)
}

pub(crate) fn server_config(
    identity: &Identity,
    limits: &QuicLimits,
) -> Result<quinn::ServerConfig, IdentityError> {
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
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls.max_early_data_size = 0;
    tls.send_tls13_tickets = 0;
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    let quic = QuicServerConfig::try_from(tls)
        .map_err(|error| IdentityError::Tls(rustls::Error::General(error.to_string())))?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(quic));
    config
        .transport_config(Arc::new(limits.transport_config()))
        .migration(false)
        .max_incoming(limits.handshakes);
    Ok(config)
}
