//! TLS with the tree's one provider.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ureq::tls::{PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

use super::{ClientError, unreadable};

pub(super) fn config(ca: Option<&Path>, base: &str) -> Result<TlsConfig, ClientError> {
    let Some(path) = ca else {
        return Err(ClientError::NoAuthority { url: base.to_owned() });
    };
    let pem = fs::read(path).map_err(|error| unreadable("file of the authority", path, error))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(not_pem(path, &error.to_string())),
        }
    }
    if certificates.is_empty() {
        return Err(not_pem(path, "it has no certificate"));
    }
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::new_with_certs(&certificates))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .build())
}

fn not_pem(path: &Path, why: &str) -> ClientError {
    ClientError::Authority {
        path: path.to_owned(),
        why: why.to_owned(),
    }
}
