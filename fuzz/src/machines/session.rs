//! A session on one node, which closes when the script says.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_guard::{Closing, FrozenGuard, Gate, Guard, OwnedEntry, Rejected, SessionId, SharedGuard};
use tidegate_streaming::{Admission, Opening, Refusal};
use tidegate_transport::PeerId;
use tokio::time::sleep;

use super::ended;
use super::script::Script;

/// A session on one node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Session {
    gate: Arc<Gate>,
}

#[derive(Debug)]
struct HeldSession {
    session: Session,
    _entry: OwnedEntry,
}

/// The one that there is.
pub(crate) fn session_id() -> SessionId {
    match SessionId::from_u128(5) {
        Ok(id) => id,
        Err(_) => unreachable!("five is not nil"),
    }
}

pub(crate) fn frozen() -> FrozenGuard {
    FrozenGuard {
        session: session_id(),
        epoch: 1,
    }
}

impl Session {
    /// A session that closes after a while, if the script's next byte is not zero.
    pub(crate) fn scripted(script: &mut Script) -> Self {
        let session = Self::default();
        let wait = script.pause();
        if wait > Duration::ZERO {
            let gate = Arc::clone(&session.gate);
            tokio::spawn(async move {
                sleep(wait).await;
                gate.close();
            });
        }
        session
    }

    pub(crate) fn guard(&self) -> Result<SharedGuard, Rejected> {
        let entry = self.gate.enter_owned().map_err(|_| Rejected::Closed)?;
        Ok(Arc::new(HeldSession {
            session: self.clone(),
            _entry: entry,
        }))
    }

    /// Closes, and waits until nobody holds it.
    pub(crate) async fn drained(&self) {
        self.gate.close();
        ended("a drain", self.gate.drained()).await;
    }
}

impl Guard for HeldSession {
    fn session(&self) -> Option<SessionId> {
        Some(session_id())
    }

    fn check(&self) -> Result<(), Rejected> {
        self.session.gate.check().map_err(|_| Rejected::Closing)
    }

    fn closing(&self) -> Closing<'_> {
        self.session.gate.closing()
    }
}

#[async_trait]
impl Admission for Session {
    async fn admit(&self, _peer: PeerId, opening: &Opening) -> Result<SharedGuard, Refusal> {
        if opening.unit.as_u64() > 1 {
            return Err(Refusal::NotSource);
        }
        self.guard().map_err(Refusal::Rejected)
    }
}
