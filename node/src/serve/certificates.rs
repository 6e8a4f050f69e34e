//! Certificates that change while a node runs.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

use super::signals::Hangups;
use crate::config::TlsConfig;
use crate::running::{Running, identity};

/// How often the files are looked at. One that has changed is read when it has stood still for so long: certificate
/// and key are never replaced in one step.
const PACE: Duration = Duration::from_secs(2);

/// When each of the three files was changed, and how long it is.
type Seen = [Option<(SystemTime, u64)>; 3];

/// Has the node show what the files hold, whenever they change or a signal asks for it. What makes no identity changes
/// nothing.
pub(super) async fn watch(running: Arc<Running>, mut hangups: Hangups) {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut loaded = look(&running.config.tls);
    let mut before = loaded;
    loop {
        let asked = tokio::select! {
            biased;
            () = hangups.next() => true,
            _ = pace.tick() => false,
        };
        let now = look(&running.config.tls);
        if asked || (now != loaded && now == before) {
            loaded = now;
            tell(replace(&running));
        }
        before = now;
    }
}

fn look(tls: &TlsConfig) -> Seen {
    [&tls.ca, &tls.certificate, &tls.key].map(|path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

fn replace(running: &Running) -> Result<()> {
    running.replace_identity(&identity(&running.config)?)?;
    Ok(())
}

fn tell(replaced: Result<()>) {
    match replaced {
        Ok(()) => info!("the certificates were read again: new connections use them"),
        Err(error) => {
            let error = format!("{error:#}");
            error!(
                error,
                "the certificates on the disk cannot be used: goes on with those that it has"
            );
        }
    }
}
