//! A store whose answers get lost.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tidegate_tablets::{
    Changes, LocalStore, Metadata, MetadataStore, Outcome, Proposal, ProposeError, RequestId, StoreStopped,
    Version,
};

/// What happens to a proposal.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// It is decided, and the answer gets lost.
    AnswerLost,
    /// It gets lost, and nobody knows.
    Lost,
    /// It is decided by another name: its answer gets lost, and its repeat is decided anew.
    Forgotten,
    /// It is decided, and the answer never comes.
    NoAnswer,
    /// It is not taken.
    NotTaken,
    /// It is not taken unless it is of one change.
    TooLarge,
}

/// A store whose answers get lost as a script says.
#[derive(Debug)]
pub(crate) struct FlakyStore {
    inner: Arc<LocalStore>,
    faults: Mutex<VecDeque<Fault>>,
    proposed: Mutex<Vec<(RequestId, usize)>>,
    read: AtomicUsize,
}

impl FlakyStore {
    pub(crate) fn new(inner: &Arc<LocalStore>, faults: impl IntoIterator<Item = Fault>) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::clone(inner),
            faults: Mutex::new(faults.into_iter().collect()),
            proposed: Mutex::default(),
            read: AtomicUsize::new(0),
        })
    }

    /// How often the metadata was read anew.
    pub(crate) fn times_read(&self) -> usize {
        self.read.load(Ordering::SeqCst)
    }

    /// The names of the proposals, with the number of their changes, in order.
    pub(crate) fn proposed(&self) -> Vec<(RequestId, usize)> {
        self.proposed.lock().expect("nobody panics under it").clone()
    }
}

#[async_trait]
impl MetadataStore for FlakyStore {
    async fn propose(&self, proposal: Proposal) -> Result<Vec<Outcome>, ProposeError> {
        let len = proposal.changes.len();
        self.proposed
            .lock()
            .expect("nobody panics under it")
            .push((proposal.request, len));
        let fault = self.faults.lock().expect("nobody panics under it").pop_front();
        match fault {
            None => return self.inner.propose(proposal).await,
            Some(Fault::AnswerLost) => {
                self.inner.propose(proposal).await?;
            }
            Some(Fault::Forgotten) => {
                let request = RequestId(!proposal.request.0);
                self.inner.propose(Proposal { request, ..proposal }).await?;
            }
            Some(Fault::NoAnswer) => {
                self.inner.propose(proposal).await?;
                std::future::pending::<()>().await;
            }
            Some(Fault::Lost) => {}
            Some(Fault::NotTaken) => return Err(ProposeError::NotTaken("no leader".to_owned())),
            Some(Fault::TooLarge) if len > 1 => return Err(ProposeError::TooLarge { len, max: 1 }),
            Some(Fault::TooLarge) => return self.inner.propose(proposal).await,
        }
        Err(ProposeError::Unknown("the leader changed".to_owned()))
    }

    async fn wait_applied(&self, version: Version) -> Result<(), StoreStopped> {
        self.inner.wait_applied(version).await
    }

    async fn read_barrier(&self) -> Result<Version, StoreStopped> {
        self.read.fetch_add(1, Ordering::SeqCst);
        self.inner.read_barrier().await
    }

    fn snapshot(&self) -> Arc<Metadata> {
        self.inner.snapshot()
    }

    fn changes(&self) -> Box<dyn Changes> {
        self.inner.changes()
    }
}
