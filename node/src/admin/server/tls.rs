//! The certificate of the admin API.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context as _, Result};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsAcceptor;
use tracing::{error, info};

use crate::watched::{PACE, Seen, Watched, look};

/// What the admin API shows to whoever connects; can be read again while it listens.
pub(super) struct AdminTls {
    certificate: PathBuf,
    key: PathBuf,
    /// How the files looked before they were read the first time.
    read: Seen<2>,
    acceptor: RwLock<TlsAcceptor>,
}

impl AdminTls {
    pub(super) fn read(certificate: &Path, key: &Path) -> Result<Self> {
        Ok(Self {
            read: look([certificate, key]),
            acceptor: RwLock::new(acceptor(certificate, key)?),
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        })
    }

    /// Shows what the files hold from the next connection on, whenever they change, until it is told to stop. What makes
    /// no sense changes nothing.
    pub(super) async fn follow(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut watched = Watched::new(self.read);
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                () = sleep(PACE) => {}
            }
            let now = look([&self.certificate, &self.key]);
            if !watched.is_due(now, Instant::now()) {
                continue;
            }
            match acceptor(&self.certificate, &self.key) {
                Ok(new) => {
                    watched.used(now);
                    *self.acceptor.write().unwrap_or_else(PoisonError::into_inner) = new;
                    info!("the certificate of the admin API was read again");
                }
                Err(error) => {
                    if watched.failed(now, Instant::now()) {
                        error!("the certificate of the admin API is kept as it was: {error:#}");
                    }
                }
            }
        }
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl fmt::Debug for AdminTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminTls")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .with_context(|| format!("`admin.certificate`: {} cannot be read", certificate.display()))?;
    let private = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("`admin.key`: {} cannot be read", key.display()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .context("TLS 1.3")?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .with_context(|| {
            format!(
                "`admin.certificate`: {} and its key do not fit",
                certificate.display()
            )
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
