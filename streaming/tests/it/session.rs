//! A session of tests: counts its checks, and closes when told, or at a check.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tidegate_guard::{Closing, FrozenGuard, Gate, Guard, OwnedEntry, Rejected, SessionId, SharedGuard};
use tidegate_streaming::{Admission, Opening, Refusal};
use tidegate_transport::PeerId;

/// A session on one node.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    gate: Arc<Gate>,
    checks: Arc<AtomicU64>,
    /// How many checks pass; the next one finds the session closing.
    checks_max: u64,
}

#[derive(Debug)]
struct TestGuard {
    session: Session,
    _entry: OwnedEntry,
}

impl Session {
    pub(crate) fn new(number: u128) -> Self {
        Self::closing_after(number, u64::MAX)
    }

    pub(crate) fn closing_after(number: u128, checks_max: u64) -> Self {
        let id = SessionId::from_u128(number).unwrap();
        Self {
            id,
            gate: Arc::default(),
            checks: Arc::default(),
            checks_max,
        }
    }

    pub(crate) fn frozen(&self) -> FrozenGuard {
        FrozenGuard {
            session: self.id,
            epoch: 1,
        }
    }

    pub(crate) fn guard(&self) -> SharedGuard {
        self.thaw().unwrap()
    }

    pub(crate) fn thaw(&self) -> Result<SharedGuard, Rejected> {
        let entry = self.gate.enter_owned().map_err(|_| Rejected::Closed)?;
        Ok(Arc::new(TestGuard {
            session: self.clone(),
            _entry: entry,
        }))
    }

    pub(crate) fn close(&self) {
        self.gate.close();
    }

    pub(crate) fn checks(&self) -> u64 {
        self.checks.load(Ordering::SeqCst)
    }

    pub(crate) fn holders(&self) -> usize {
        self.gate.holders()
    }

    /// Until nobody holds it any more; it must have been closed.
    pub(crate) async fn drained(&self) {
        self.gate.drained().await;
    }
}

impl Guard for TestGuard {
    fn session(&self) -> Option<SessionId> {
        Some(self.session.id)
    }

    fn check(&self) -> Result<(), Rejected> {
        if self.session.checks.fetch_add(1, Ordering::SeqCst) >= self.session.checks_max {
            self.session.gate.close();
        }
        self.session.gate.check().map_err(|_| Rejected::Closing)
    }

    fn closing(&self) -> Closing<'_> {
        self.session.gate.closing()
    }
}

/// Admits everyone under one session, unless it is told to refuse.
#[derive(Debug)]
pub(crate) struct Admit {
    pub(crate) session: Session,
    pub(crate) refusal: Option<Refusal>,
}

#[async_trait]
impl Admission for Admit {
    async fn admit(&self, _peer: PeerId, _opening: &Opening) -> Result<SharedGuard, Refusal> {
        match self.refusal {
            Some(refusal) => Err(refusal),
            None => self.session.thaw().map_err(Refusal::Rejected),
        }
    }
}
