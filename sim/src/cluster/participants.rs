//! A coordinator's calls, told to the recorder, and made twice where the seed says so.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_coordinator::{
    BarrierAnswer, BarrierRequest, CallError, Operation, OperationError, Participants,
};
use tidegate_tablets::{NodeId, TabletId};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::Ground;
use super::witness::Witness;
use crate::event::{Event, FaultKind};
use crate::plan::CallFaults;

/// Answers that may wait to be told.
const ANSWERS_QUEUED: usize = 64;

/// A coordinator's calls.
#[derive(Debug)]
pub(crate) struct WatchedParticipants {
    inner: Arc<dyn Participants>,
    /// Of the node that the coordinator runs on: a call that is made late is made by nobody after its crash.
    witness: Witness,
    ground: Arc<Ground>,
    faults: CallFaults,
}

/// Once more, and when.
#[derive(Debug, Clone, Copy)]
struct Again {
    kind: FaultKind,
    after: Duration,
}

impl WatchedParticipants {
    pub(crate) fn new(
        inner: Arc<dyn Participants>,
        witness: Witness,
        ground: Arc<Ground>,
        faults: CallFaults,
    ) -> Self {
        Self {
            inner,
            witness,
            ground,
            faults,
        }
    }

    /// Whether a call is made once more.
    fn again(&self) -> Option<Again> {
        let dice = &self.ground.dice;
        if self.ground.is_healed() {
            return None;
        }
        if dice.happens(self.faults.duplicate) {
            return Some(Again {
                kind: FaultKind::DuplicateCall,
                after: dice.time(&(Duration::ZERO..=Duration::from_millis(5))),
            });
        }
        dice.happens(self.faults.late).then(|| Again {
            kind: FaultKind::LateCall,
            after: dice.time(&self.faults.late_after),
        })
    }

    /// Makes the call once more, in its time, for nobody.
    fn once_more<F>(&self, again: Again, node: NodeId, tablets: Vec<TabletId>, call: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (witness, ground) = (self.witness.clone(), Arc::clone(&self.ground));
        tokio::spawn(async move {
            sleep(again.after).await;
            if witness.lives() && !ground.is_healed() {
                ground.strike_tablets(again.kind, &[node], &tablets);
                call.await;
            }
        });
    }
}

#[async_trait]
impl Participants for WatchedParticipants {
    async fn barrier(
        &self,
        node: NodeId,
        request: BarrierRequest,
        answers: mpsc::Sender<BarrierAnswer>,
    ) -> Result<(), CallError> {
        if let Some(again) = self.again() {
            let (inner, ground, request) =
                (Arc::clone(&self.inner), Arc::clone(&self.ground), request.clone());
            let tablets = request.tablets.iter().map(|(tablet, _)| *tablet).collect();
            self.once_more(again, node, tablets, async move {
                let (unheard, _) = mpsc::channel(ANSWERS_QUEUED);
                drop(told_barrier(&*inner, &ground, node, request, unheard).await);
            });
        }
        told_barrier(&*self.inner, &self.ground, node, request, answers).await
    }

    async fn operate(
        &self,
        node: NodeId,
        operation: Operation,
    ) -> Result<Result<(), OperationError>, CallError> {
        if let Some(again) = self.again() {
            let (inner, ground, operation) = (
                Arc::clone(&self.inner),
                Arc::clone(&self.ground),
                operation.clone(),
            );
            self.once_more(again, node, vec![operation.tablet], async move {
                drop(told_operation(&*inner, &ground, node, operation).await);
            });
        }
        told_operation(&*self.inner, &self.ground, node, operation).await
    }
}

/// Runs a barrier, which is told before it is asked for; its answers are told before they are handed on.
async fn told_barrier(
    calls: &dyn Participants,
    ground: &Ground,
    node: NodeId,
    request: BarrierRequest,
    answers: mpsc::Sender<BarrierAnswer>,
) -> Result<(), CallError> {
    for (tablet, epoch) in &request.tablets {
        ground.recorder.record(Event::BarrierAsked {
            node,
            tablet: *tablet,
            epoch: *epoch,
            min_version: request.min_version,
        });
    }
    let (sender, mut told) = mpsc::channel::<BarrierAnswer>(ANSWERS_QUEUED);
    let hand_on = async {
        while let Some(answer) = told.recv().await {
            ground.recorder.record(Event::BarrierAnswered {
                node,
                tablet: answer.tablet,
                epoch: answer.epoch,
                result: answer.result.as_ref().copied().map_err(ToString::to_string),
            });
            // Nobody listens to an answer that comes once more.
            drop(answers.send(answer).await);
        }
    };
    let (ended, ()) = tokio::join!(calls.barrier(node, request, sender), hand_on);
    ended
}

async fn told_operation(
    calls: &dyn Participants,
    ground: &Ground,
    node: NodeId,
    operation: Operation,
) -> Result<Result<(), OperationError>, CallError> {
    let (kind, tablet, session) = (operation.kind, operation.tablet, operation.frozen.session);
    let answer = calls.operate(node, operation).await;
    let result = match &answer {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    ground.recorder.record(Event::OperationAnswered {
        node,
        kind,
        tablet,
        session,
        result,
    });
    answer
}
