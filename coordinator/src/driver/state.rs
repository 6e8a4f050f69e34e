//! What the event loop knows, where the handle can see it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_tablets::{Metadata, Stage};

use crate::progress::Left;
use crate::status::status_of;
use crate::{CoordinatorConfig, EndedTransition, Progress, TransitionStatus};

/// What the event loop knows. Locked for moments only, never across an await.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    ended_kept: usize,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) metadata: Arc<Metadata>,
    pub(super) progress: Progress,
    ended: VecDeque<EndedTransition>,
}

impl Shared {
    pub(super) fn new(metadata: Arc<Metadata>, config: &CoordinatorConfig) -> Self {
        let progress = Progress::new(config.retry.clone());
        let state = State {
            metadata,
            progress,
            ended: VecDeque::new(),
        };
        Self {
            state: Mutex::new(state),
            ended_kept: config.ended_kept,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keep_ended(&self, left: &Left) {
        if self.ended_kept == 0 {
            return;
        }
        let mut state = self.lock();
        while state.ended.len() >= self.ended_kept {
            state.ended.pop_front();
        }
        state.ended.push_back(EndedTransition {
            tablet: left.tablet,
            begun: left.begun,
            last_stage: left.stage,
            last_error: left.last_error.clone(),
            went_back: left
                .went_back
                .clone()
                .filter(|_| left.stage == Stage::RevertMigration),
        });
    }

    pub(super) fn status(&self) -> Vec<TransitionStatus> {
        let state = self.lock();
        status_of(&state.metadata, &state.progress)
    }

    pub(super) fn ended(&self) -> Vec<EndedTransition> {
        self.lock().ended.iter().cloned().collect()
    }
}
