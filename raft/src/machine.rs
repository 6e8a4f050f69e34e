//! openraft's state machine: the metadata, in memory; and its snapshots, on disk.
//!
//! After a start the newest snapshot is taken up, and the log is applied from there: what is decided is in the log
//! before it is answered, so nothing is lost with the memory.

mod builder;

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend};
use tidegate_tablets::{Decided, LogState, Version};
use tracing::info;

use self::builder::Builder;
use crate::codec::snapshot;
use crate::copy::Copy;
use crate::disk::Disk;
use crate::log::invalid;
use crate::observer::Observer;
use crate::types::{Decision, RaftLogId, RaftSnapshot, RaftSnapshotMeta, RaftStoredMembership, TypeConfig};

/// Answers remembered for repeats. Part of the replicated state: the same on every node, of every version.
pub(crate) const ANSWERS_MAX: usize = 4096;

/// The state that entries act on.
#[derive(Debug)]
pub(crate) struct Machine {
    copy: Arc<Copy>,
    disk: Arc<dyn Disk>,
    observer: Arc<dyn Observer>,
    state: LogState,
    applied: Option<RaftLogId>,
    membership: RaftStoredMembership,
    /// What the snapshot on disk covers, as far as this start knows.
    on_disk: Option<RaftSnapshotMeta>,
}

impl Machine {
    pub(crate) fn new(copy: Arc<Copy>, disk: Arc<dyn Disk>, observer: Arc<dyn Observer>) -> Self {
        Self {
            copy,
            disk,
            observer,
            state: empty_state(),
            applied: None,
            membership: RaftStoredMembership::default(),
            on_disk: None,
        }
    }

    fn builder(&self) -> Builder {
        Builder {
            disk: Arc::clone(&self.disk),
            state: self.state.clone(),
            meta: RaftSnapshotMeta {
                last_log_id: self.applied,
                last_membership: self.membership.clone(),
            },
        }
    }
}

/// The state before the first entry.
pub(crate) fn empty_state() -> LogState {
    LogState::new(tidegate_tablets::Metadata::default(), ANSWERS_MAX)
}

/// How many entries of the log come to that state.
fn entries(applied: Option<&RaftLogId>) -> u64 {
    applied.map_or(0, |applied| applied.index + 1)
}

impl RaftStateMachine<TypeConfig> for Machine {
    type SnapshotData = Bytes;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<RaftLogId>, RaftStoredMembership), io::Error> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<Strm>(&mut self, mut entries_of: Strm) -> Result<(), io::Error>
    where
        Strm: Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + OptionalSend,
    {
        let (mut steps, mut answered) = (Vec::new(), Vec::new());
        while let Some(next) = entries_of.next().await {
            let (entry, responder) = next?;
            let mut decision = None;
            match entry.payload {
                EntryPayload::Blank => {}
                EntryPayload::Membership(membership) => {
                    self.membership = RaftStoredMembership::new(Some(entry.log_id), membership);
                }
                EntryPayload::Normal(command) => {
                    let version = Version::new(entry.log_id.index);
                    let decided = self.state.decide(version, &command.0);
                    self.observer.decided(self.state.metadata(), &decided);
                    let Decided {
                        answer,
                        touched,
                        events,
                    } = decided;
                    if responder.is_some() {
                        // Counted where the proposal came in: one node of all sees it so.
                        events.iter().for_each(|event| event.count());
                    }
                    steps.push((version, touched));
                    decision = Some(answer);
                }
            }
            self.applied = Some(entry.log_id);
            answered.extend(responder.map(|responder| (responder, Decision(decision))));
        }
        let stepped = self
            .copy
            .publish(&self.state, entries(self.applied.as_ref()), steps);
        if stepped {
            self.observer.applied(self.state.metadata().version, false);
        }
        for (responder, decision) in answered {
            responder.send(decision);
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Self::SnapshotBuilder {
        self.builder()
    }

    async fn install_snapshot(&mut self, meta: &RaftSnapshotMeta, bytes: Bytes) -> Result<(), io::Error> {
        let state = snapshot::decode(&bytes, ANSWERS_MAX).map_err(invalid)?;
        if snapshot::decode_meta(&bytes).map_err(invalid)? != *meta {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the snapshot is not the one that was announced",
            ));
        }
        let covers = entries(meta.last_log_id.as_ref());
        if self.on_disk.as_ref() != Some(meta) {
            self.disk.save_snapshot(covers, bytes).await?;
            self.on_disk = Some(meta.clone());
        }
        info!(version = %state.metadata().version, "a snapshot was installed");
        self.applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        self.state = state;
        if self.copy.jump(&self.state, covers) {
            self.observer.applied(self.state.metadata().version, true);
        }
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<RaftSnapshot>, io::Error> {
        let Some(bytes) = self.disk.snapshot().await? else {
            return Ok(None);
        };
        let meta = snapshot::decode_meta(&bytes).map_err(invalid)?;
        self.on_disk = Some(meta.clone());
        Ok(Some(RaftSnapshot {
            meta,
            snapshot: bytes,
        }))
    }
}
