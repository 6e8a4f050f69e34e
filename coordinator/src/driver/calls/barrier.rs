//! One barrier call: many tablets, an answer for each.

use std::time::Duration;

use tidegate_tablets::NodeId;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::{Answered, CallId};
use crate::{BarrierAnswer, BarrierRequest, CallError, Participants};

/// One barrier call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) node: NodeId,
    pub(super) request: BarrierRequest,
    pub(super) grace: Duration,
    pub(super) answers: mpsc::Sender<Answered>,
}

impl Call {
    /// Asks, and hands on each answer as it comes. Ends when the node has ended its call or every tablet has its
    /// answer, and not later than the request's deadline and the grace.
    pub(super) async fn run(self, participants: &dyn Participants) -> Result<(), CallError> {
        let Self {
            id,
            node,
            request,
            grace,
            answers,
        } = self;
        let waited = request.deadline + grace;
        let until = Instant::now() + waited;
        let mut missing = request.tablets.len();
        let (sender, mut receiver) = mpsc::channel(missing.max(1));
        let mut call = participants.barrier(node, request, sender);
        let hand_on = async |come: Vec<BarrierAnswer>| {
            let answered = Answered {
                call: id,
                answers: come,
            };
            // Nobody listens when the coordinator stops; then this call is aborted too.
            let _ = answers.send(answered).await;
        };
        while missing > 0 {
            let mut come = Vec::new();
            tokio::select! {
                biased;
                1.. = receiver.recv_many(&mut come, missing) => {
                    missing -= come.len();
                    hand_on(come).await;
                }
                result = &mut call => {
                    while let Ok(answer) = receiver.try_recv() {
                        come.push(answer);
                    }
                    if !come.is_empty() {
                        hand_on(come).await;
                    }
                    return result;
                }
                () = sleep_until(until) => return Err(CallError::TimedOut { node, waited }),
            }
        }
        Ok(())
    }
}
