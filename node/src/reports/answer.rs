//! What this node answers.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_streaming::{EngineError, Throttle};
use tidegate_tablets::{MetadataStore as _, NodeId, TabletId};
use tidegate_transport::rpc::{Answers, Handler};
use tidegate_transport::{PeerId, ResetCode};
use tokio::time::timeout;
use tracing::debug;

use super::wire::{self, ASK_BYTES_MAX, Ask, ThrottleAsk, Told};
use super::{RANGE_DEADLINE, Reports, in_words, node_report, rows};

/// Tablets whose sizes go into one answer.
const LOADS_MAX: usize = 100_000;

/// Keys that are looked at in one request.
const KEYS_MAX: usize = 256;

/// Answers the other nodes.
pub(super) struct ReportHandler(pub(super) Arc<Reports>);

#[async_trait]
impl Handler for ReportHandler {
    async fn handle(&self, peer: PeerId, request: Bytes, answers: &mut Answers) -> Result<(), ResetCode> {
        let metadata = self.0.parts.raft.snapshot();
        if !metadata.is_live_member(NodeId::new(peer.as_u64())) {
            return Err(ResetCode::Refused);
        }
        let told = match wire::decode::<Ask>(&request, ASK_BYTES_MAX) {
            Ok(ask) => self.0.answer(&ask).await,
            Err(error) => Told::Failed {
                why: error.to_string(),
            },
        };
        let frames = wire::frames(&told).map_err(|error| {
            debug!(%error, "an answer could not be sent");
            ResetCode::Aborted
        })?;
        for frame in frames {
            answers.send(frame).await?;
        }
        Ok(())
    }
}

impl fmt::Debug for ReportHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReportHandler").field(&self.0.id).finish()
    }
}

impl Reports {
    /// What this node tells; whoever asks has to bound the wait.
    pub(super) async fn answer(&self, ask: &Ask) -> Told {
        match ask {
            Ask::Report => Told::Report(Box::new(self.own_report())),
            Ask::Load { tablet: None } => Told::Load(self.loads.known(None, LOADS_MAX)),
            Ask::Load { tablet: Some(tablet) } => {
                let held = self.loads.look(TabletId::new(*tablet)).await;
                read(held.map(|held| Told::Load(vec![held])))
            }
            Ask::Throttle(asked) => self.throttle(*asked),
            Ask::Journal(asked) => Told::Journal(Box::new(self.journal.told(*asked))),
            Ask::Range(_) | Ask::Keys(_) | Ask::Seen { .. } => {
                // Half of it, so that the answer is under way in time.
                let Ok(Ok(_turn)) = timeout(RANGE_DEADLINE / 2, self.readers.acquire()).await else {
                    let why = "this node reads for others already: ask again".to_owned();
                    return Told::Failed { why };
                };
                self.read_rows(ask).await
            }
        }
    }

    async fn read_rows(&self, ask: &Ask) -> Told {
        let store = &self.parts.rows;
        match ask {
            Ask::Range(range) => read(rows::digest(store, range).await.map(Told::Range)),
            Ask::Keys(range) => read(rows::keys(store, range).await.map(Told::Keys)),
            Ask::Seen { tablet, keys } if keys.len() <= KEYS_MAX => {
                let seen = rows::seen_of(store, TabletId::new(*tablet), keys).await;
                read(seen.map(Told::Seen))
            }
            _ => Told::Failed {
                why: format!("more than {KEYS_MAX} keys at once"),
            },
        }
    }

    fn throttle(&self, asked: ThrottleAsk) -> Told {
        let set = |throttle: &Throttle, to: Option<u64>| {
            if let Some(to) = to {
                throttle.set(NonZeroU64::new(to));
            }
        };
        set(self.parts.streaming.send_throttle(), asked.send);
        set(self.parts.streaming.receive_throttle(), asked.receive);
        Told::Throttle(node_report::throttle(self.id, &self.parts.streaming))
    }
}

fn read(told: Result<Told, EngineError>) -> Told {
    told.unwrap_or_else(|error| Told::Failed {
        why: in_words(&error),
    })
}
