//! Takes in what happens, and has it planned for.

mod act;

use std::sync::Arc;

use tidegate_tablets::{
    Epoch, Metadata, MetadataStore, NodeId, Outcome, ProposeError, Refused, TabletId, Update,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Duration, Instant, sleep_until};

use super::calls::{Answered, CallId, Calls, End, Purpose};
use super::limits::Place;
use super::proposer::Proposer;
use super::state::Shared;
use super::telemetry;
use crate::config::Schedule;
use crate::progress::Meaning;
use crate::{BarrierAnswer, CallError, CoordinatorConfig, OperationError, Participants, StepError};

/// The one task that decides. Everything that waits for someone else runs in a call's own task.
#[derive(Debug)]
pub(super) struct EventLoop {
    store: Arc<dyn MetadataStore>,
    shared: Arc<Shared>,
    config: CoordinatorConfig,
    schedule: Schedule,
    calls: Calls,
    answers: mpsc::Receiver<Answered>,
    proposer: Proposer,
    begun: Instant,
    store_stopped: bool,
}

impl EventLoop {
    pub(super) fn new(
        store: Arc<dyn MetadataStore>,
        participants: Arc<dyn Participants>,
        config: CoordinatorConfig,
        shared: Arc<Shared>,
    ) -> Self {
        let (sender, answers) = mpsc::channel(config.answers_queued.max(1));
        Self {
            calls: Calls::new(Arc::clone(&store), participants, &config, sender),
            schedule: Schedule::new(&config.retry),
            proposer: Proposer::new(config.changes_per_proposal),
            store,
            shared,
            config,
            answers,
            begun: Instant::now(),
            store_stopped: false,
        }
    }

    pub(super) async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        telemetry::started();
        let mut changes = self.store.changes();
        while !self.store_stopped {
            let due = self.due();
            tokio::select! {
                biased;
                _ = &mut stop => break,
                update = changes.next() => match update {
                    Ok(update) => self.observe(&update),
                    Err(_) => break,
                },
                Some(answered) = self.answers.recv() => self.answered(answered),
                (call, end) = self.calls.next_end() => self.ended(call, end),
                () = sleep_until(due.unwrap_or(self.begun)), if due.is_some() => {}
            }
            // Others that are about to tell something get their turn first: what is then ready goes into one plan.
            tokio::task::yield_now().await;
            self.take_what_is_ready();
            self.act();
        }
        self.calls.shutdown().await;
        tracing::info!("the coordinator has stopped");
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// When something is due that waits for its time only.
    fn due(&self) -> Option<Instant> {
        let retry_ms = self.shared.lock().progress.agenda_due_ms();
        let due_ms = [retry_ms, self.proposer.due_ms()].into_iter().flatten().min()?;
        Some(self.begun + Duration::from_millis(due_ms))
    }

    fn observe(&mut self, update: &Update) {
        let now_ms = self.now_ms();
        let left = {
            let mut state = self.shared.lock();
            let before = std::mem::replace(&mut state.metadata, Arc::clone(&update.metadata));
            let left = state
                .progress
                .observe_and_tell(&update.metadata, &update.touched, now_ms);
            // Every plan asks who is excluded; nothing else that is no tablet concerns one.
            for node in excluded(&update.metadata).filter(|node| !before.is_excluded(*node)) {
                state.progress.look_past(node);
            }
            left
        };
        for left in left {
            telemetry::stage_took(left.stage, left.after_ms);
            let _move = telemetry::move_begun(left.tablet, left.begun).entered();
            if left.ended {
                tracing::info!(tablet = %left.tablet, begun = %left.begun, last_stage = %left.stage,
                    "the transition has ended");
                self.shared.keep_ended(&left);
            } else {
                tracing::debug!(tablet = %left.tablet, stage = %left.stage, "the stage was left");
            }
        }
        self.calls.abort_stale(&update.metadata);
        self.calls.set_permits(update.metadata.permits);
        self.proposer.forget_overtaken(&update.metadata);
    }

    fn take_what_is_ready(&mut self) {
        while let Some((call, end)) = self.calls.try_next_end() {
            self.ended(call, end);
        }
        self.take_answers();
    }

    fn take_answers(&mut self) {
        while let Ok(answered) = self.answers.try_recv() {
            self.answered(answered);
        }
    }

    fn answered(&mut self, Answered { call, answers }: Answered) {
        if let Some((node, answers)) = self.calls.answered(call, answers) {
            let ended = |answer: BarrierAnswer| {
                let result = answer.result.map_err(StepError::from);
                (answer.tablet, answer.epoch, result)
            };
            self.barriers_ended(node, answers.into_iter().map(ended).collect());
        }
    }

    fn ended(&mut self, call: CallId, end: Option<End>) {
        // A barrier call hands its answers on before it ends: they come first.
        self.take_answers();
        let goes_on = matches!(end, Some(End::Operation(Ok(Err(OperationError::Running)))));
        let Some(purpose) = self.calls.take(call, goes_on) else {
            return;
        };
        match (purpose, end) {
            (Purpose::Barrier { node, open, .. }, end) => {
                let error = match end {
                    Some(End::Barrier(Err(error))) => StepError::Call(error),
                    Some(_) => StepError::NoAnswer,
                    None => panicked(node),
                };
                let ended = |(tablet, epoch)| (tablet, epoch, Err(error.clone()));
                self.barriers_ended(node, open.into_iter().map(ended).collect());
            }
            (
                Purpose::Operation {
                    place: Place { node, .. },
                    tablet,
                    session,
                    kind,
                },
                end,
            ) => {
                let result = match end {
                    Some(End::Operation(Ok(answer))) => answer.map_err(StepError::from),
                    Some(End::Operation(Err(error))) => Err(StepError::Call(error)),
                    Some(_) => Err(StepError::NoAnswer),
                    None => Err(panicked(node)),
                };
                self.look_at(&result, tablet, node);
                let now_ms = self.now_ms();
                let mut state = self.shared.lock();
                state
                    .progress
                    .operation_ended(tablet, session, kind, node, result, now_ms);
            }
            (Purpose::Proposal, Some(End::Proposed(result))) => self.proposed(result),
            (Purpose::Proposal, _) => {
                self.proposed(Err(ProposeError::Unknown("the proposal panicked".to_owned())));
            }
            (Purpose::ReadAnew, _) => {}
        }
    }

    /// What became of a node's barriers.
    fn barriers_ended(&mut self, node: NodeId, ended: Vec<(TabletId, Epoch, Result<(), StepError>)>) {
        for (tablet, _, result) in &ended {
            self.look_at(result, *tablet, node);
            if let Err(error) = result {
                telemetry::barrier_failed(error);
            }
        }
        let now_ms = self.now_ms();
        let mut state = self.shared.lock();
        for (tablet, epoch, result) in ended {
            state.progress.barrier_ended(tablet, epoch, node, result, now_ms);
        }
    }

    /// Logs what did not succeed, and reads the metadata anew where it says that ours is behind.
    fn look_at(&mut self, result: &Result<(), StepError>, tablet: TabletId, node: NodeId) {
        let Err(error) = result else { return };
        let metadata = Arc::clone(&self.shared.lock().metadata);
        let _move = telemetry::move_of(&metadata, tablet).entered();
        match error.meaning() {
            Meaning::Again => {}
            Meaning::Behind => {
                tracing::info!(%tablet, %node, %error, "reads the metadata anew");
                self.calls.read_anew();
            }
            Meaning::Failed | Meaning::Hopeless => tracing::warn!(%tablet, %node, %error, "a call failed"),
        }
    }

    fn proposed(&mut self, result: Result<Vec<Outcome>, ProposeError>) {
        let now_ms = self.now_ms();
        let failed = match result {
            Ok(outcomes) => {
                let mut outcomes = outcomes.into_iter();
                let mut state = self.shared.lock();
                for (tablet, epoch) in self.proposer.end() {
                    let result = outcomes
                        .next()
                        .map_or_else(|| Err("no outcome".to_owned()), judge);
                    state.progress.change_ended(tablet, epoch, result, now_ms);
                }
                return;
            }
            Err(ProposeError::Unknown(why)) => {
                tracing::warn!(
                    why,
                    "the outcome of a proposal is not known: it goes again by the same name"
                );
                let schedule = &self.schedule;
                self.proposer
                    .outcome_unknown(now_ms, |times| schedule.after(times));
                return;
            }
            Err(ProposeError::Stopped(_)) => {
                self.store_stopped = true;
                return;
            }
            Err(error) => error,
        };
        if let ProposeError::TooLarge { max, .. } = failed {
            self.proposer.limit_to(max);
        }
        tracing::warn!(error = %failed, "a proposal was not taken");
        let mut state = self.shared.lock();
        for (tablet, epoch) in self.proposer.end() {
            state
                .progress
                .change_ended(tablet, epoch, Err(failed.to_string()), now_ms);
        }
    }
}

fn excluded(metadata: &Metadata) -> impl Iterator<Item = NodeId> {
    let excluded = metadata.nodes.iter().filter(|(_, node)| node.excluded);
    excluded.map(|(id, _)| *id)
}

fn panicked(node: NodeId) -> StepError {
    StepError::Call(CallError::Unreachable {
        node,
        reason: "the call panicked".to_owned(),
    })
}

/// Whether the change is settled: accepted, or moot because the metadata is further than the plan was.
fn judge(outcome: Outcome) -> Result<(), String> {
    match outcome {
        Ok(_) | Err(Refused::Epoch { .. } | Refused::NoTablet(_) | Refused::NoTransition(_)) => Ok(()),
        Err(refused) => Err(refused.to_string()),
    }
}
