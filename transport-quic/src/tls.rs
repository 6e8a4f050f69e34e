//! TLS as nodes speak it, in quinn's words.

use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};

use crate::{Identity, IdentityError, QuicLimits};

const ALPN: &[u8] = b"tidegate";

pub(crate) fn client_config(
    identity: &Identity,
    limits: &QuicLimits,
) -> Result<quinn::ClientConfig, IdentityError> {
    let tls = tidegate_transport_tls::client_config(identity, ALPN)?;
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
    let tls = tidegate_transport_tls::server_config(identity, ALPN)?;
    let quic = QuicServerConfig::try_from(tls)
        .map_err(|error| IdentityError::Tls(rustls::Error::General(error.to_string())))?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(quic));
    config
        .transport_config(Arc::new(limits.transport_config()))
        .migration(false)
        .max_incoming(limits.handshakes);
    Ok(config)
}
