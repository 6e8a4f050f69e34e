//! The staging areas of the engine in memory.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use tidegate_guard::{SessionId, SharedGuard};
use tidegate_streaming::{Batch, EngineError, Position, Staging, UnitId};
use tidegate_transport::PeerId;

use super::{Area, Call, Flaw, Memory, Rows, State, merge};
use crate::rows::decode;

#[derive(Debug)]
pub(super) struct Handle {
    pub(super) memory: Arc<Memory>,
    pub(super) unit: UnitId,
    pub(super) session: SessionId,
}

impl Handle {
    fn of(&self, source: PeerId) -> PeerId {
        if self.memory.has(Flaw::SharesPositions) {
            PeerId::new(0)
        } else {
            source
        }
    }

    fn show(&self) -> Result<(), EngineError> {
        let flaw = self.memory.flaw;
        self.with(|rows, area| {
            if area.attached && flaw != Some(Flaw::AttachesAgain) {
                return;
            }
            area.attached = flaw != Some(Flaw::ForgetsMark);
            for (staged, _) in std::mem::take(&mut area.sources).into_values() {
                if flaw == Some(Flaw::AttachReplaces) {
                    rows.extend(staged);
                } else {
                    merge(rows, staged.into_values());
                }
            }
        })
    }

    fn put(&self, source: PeerId, batch: Batch) -> Result<(), EngineError> {
        let rows = match decode(&batch) {
            Some(rows) => rows,
            None if self.memory.has(Flaw::TakesGarbage) => Vec::new(),
            None => return Err(EngineError::Decode("no rows".into())),
        };
        let (flaw, source) = (self.memory.flaw, self.of(source));
        self.with(|_, area| {
            if area.attached && !matches!(flaw, Some(Flaw::AttachesAgain)) {
                return;
            }
            let (staged, position) = area.sources.entry(source).or_default();
            merge(staged, rows);
            let last = Some(batch.last);
            *position = if flaw == Some(Flaw::MovesPositionsBack) {
                last
            } else {
                position.take().max(last)
            };
        })?;
        self.memory.staged_batches.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn with<T>(&self, work: impl FnOnce(&mut Rows, &mut Area) -> T) -> Result<T, EngineError> {
        let mut state = self.memory.state();
        let State { rows, areas } = &mut *state;
        let area = areas
            .get_mut(&(self.unit, self.session))
            .ok_or(EngineError::Gone)?;
        Ok(work(rows.entry(self.unit).or_default(), area))
    }
}

#[async_trait]
impl Staging for Handle {
    async fn attached(&self) -> Result<bool, EngineError> {
        self.with(|_, area| area.attached)
    }

    async fn position(&self, source: PeerId) -> Result<Option<Position>, EngineError> {
        let source = self.of(source);
        self.with(|_, area| {
            area.sources
                .get(&source)
                .and_then(|(_, position)| position.clone())
        })
    }

    async fn stage(&self, guard: SharedGuard, source: PeerId, batch: Batch) -> Result<(), EngineError> {
        self.memory.enter(Call::Stage).await?;
        if !self.memory.has(Flaw::StageIgnoresGuard) {
            self.memory.check(&guard)?;
        }
        self.put(source, batch)
    }

    async fn sync(&self, guard: SharedGuard) -> Result<(), EngineError> {
        self.memory.enter(Call::Sync).await?;
        self.memory.check(&guard)
    }

    async fn attach(&self, guard: SharedGuard) -> Result<(), EngineError> {
        self.memory.enter(Call::Attach).await?;
        if self.memory.has(Flaw::AbandonsGuard) {
            let late = Self {
                memory: Arc::clone(&self.memory),
                ..*self
            };
            let attaching = tokio::spawn(async move {
                tokio::task::yield_now().await;
                late.show()
            });
            return attaching.await.unwrap();
        }
        if !self.memory.has(Flaw::AttachIgnoresGuard) {
            self.memory.check(&guard)?;
        }
        self.show()
    }
}
