//! Certificates that change while a node runs.

use std::sync::Arc;

use anyhow::Result;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{error, info};

use super::signals::Hangups;
use crate::config::TlsConfig;
use crate::running::{Running, identity};
use crate::watched::{self, PACE, Seen, Watched};

/// How the files look: authorities, certificate, key.
pub(super) fn look(tls: &TlsConfig) -> Seen<3> {
    watched::look([&tls.ca, &tls.certificate, &tls.key])
}

/// Has the node show what the files hold, whenever they change or a signal asks for it. What makes no identity changes
/// nothing. `read` is how they looked before the node started from them.
pub(super) async fn watch(running: Arc<Running>, mut hangups: Hangups, read: Seen<3>) {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut watched = Watched::new(read);
    loop {
        let asked = tokio::select! {
            biased;
            () = hangups.next() => true,
            _ = pace.tick() => false,
        };
        let now = look(&running.config.tls);
        if !watched.is_due(now, Instant::now()) && !asked {
            continue;
        }
        match replace(&running) {
            Ok(()) => {
                watched.used(now);
                info!("the certificates were read again: new connections use them");
            }
            Err(error) => {
                let is_news = watched.failed(now, Instant::now());
                if is_news || asked {
                    let error = format!("{error:#}");
                    error!(
                        error,
                        "the certificates on the disk cannot be used: goes on with those that it has"
                    );
                }
            }
        }
    }
}

fn replace(running: &Running) -> Result<()> {
    running.replace_identity(&identity(&running.config)?)?;
    Ok(())
}
