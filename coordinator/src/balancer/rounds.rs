//! Plans again and again, and begins what is planned.

use std::sync::Arc;

use tidegate_tablets::{
    Accepted, Metadata, MetadataStore, Proposal, ProposeError, Refused, StoreStopped, TabletId, Touched,
    Update,
};
use tokio::time::{Duration, Instant, sleep_until, timeout};

use super::rests::Rests;
use super::status::SharedStatus;
use super::{
    BalanceInput, BalancePlan, BalancerConfig, BalancerStatus, Load, LoadReports, PlannedMove, balance,
};
use crate::CoordinatorConfig;
use crate::request::{Maker, Naming};

/// One round after the other. Keeps nothing that it cannot lose: what runs is in the metadata.
#[derive(Debug)]
pub(crate) struct Rounds {
    store: Arc<dyn MetadataStore>,
    reports: Arc<dyn LoadReports>,
    config: BalancerConfig,
    coordinator: CoordinatorConfig,
    status: Arc<SharedStatus>,
    rests: Rests,
}

impl Rounds {
    pub(crate) fn new(
        store: Arc<dyn MetadataStore>,
        reports: Arc<dyn LoadReports>,
        config: BalancerConfig,
        coordinator: CoordinatorConfig,
        status: Arc<SharedStatus>,
    ) -> Self {
        Self {
            store,
            reports,
            rests: Rests::new(config.rest, config.remembered),
            config,
            coordinator,
            status,
        }
    }

    /// Runs until the store is stopped.
    pub(crate) async fn run(mut self) {
        let mut changes = self.store.changes();
        let mut last = self.store.snapshot();
        loop {
            match self.round().await {
                Ok(status) => self.status.show(status),
                Err(StoreStopped) => return,
            }
            let ended = Instant::now();
            let mut wait = self.config.interval;
            loop {
                // Short while much changes, so that permits that become free are used; never without a pause.
                tokio::select! {
                    biased;
                    () = sleep_until(ended + wait.max(Duration::from_millis(1))) => break,
                    update = changes.next() => match update {
                        Ok(update) => {
                            if matters(&last, &update) {
                                wait = self.config.pause.min(self.config.interval);
                            }
                            last = update.metadata;
                        }
                        Err(_) => return,
                    },
                }
            }
        }
    }

    async fn round(&mut self) -> Result<BalancerStatus, StoreStopped> {
        let mut status = BalancerStatus::default();
        let read = timeout(self.coordinator.store_deadline, self.store.read_barrier()).await;
        let Ok(read) = read else {
            status.error = Some("the metadata could not be read anew".to_owned());
            return Ok(status);
        };
        read?;
        let load = if self.store.snapshot().balancing {
            match self.load().await {
                Ok(load) => Some(load),
                Err(why) => {
                    tracing::warn!(
                        why,
                        "the balancer does not know the load: moves nothing for its weight"
                    );
                    status.load_error = Some(why);
                    None
                }
            }
        } else {
            None
        };
        let metadata = self.store.snapshot();
        status.on = metadata.balancing;
        status.version = metadata.version;
        if !metadata.balancing {
            return Ok(status);
        }
        metrics::counter!("tidegate_balancer_rounds_total").increment(1);
        self.rests.learn(&metadata, Instant::now());
        status.plan = self.plan(&metadata, load.as_ref());
        metrics::gauge!("tidegate_balancer_waiting").set(status.plan.waiting_total as f64);
        for moves in status
            .plan
            .moves
            .chunks(self.coordinator.changes_per_proposal.max(1))
        {
            self.begin(&metadata, moves, &mut status.refused, &mut status.error)
                .await?;
        }
        Ok(status)
    }

    async fn load(&self) -> Result<Load, String> {
        let metadata = self.store.snapshot();
        let deadline = self.config.load_deadline;
        match timeout(deadline, self.reports.load(&metadata)).await {
            Ok(load) => load.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no report within {deadline:?}")),
        }
    }

    fn plan(&self, metadata: &Metadata, load: Option<&Load>) -> BalancePlan {
        let resting = self.rests.resting();
        let input = BalanceInput {
            metadata,
            load,
            resting: &resting,
            sends_per_node: self.coordinator.sends_per_node,
            receives_per_node: self.coordinator.receives_per_node,
        };
        balance(&input, &self.config.rules)
    }

    /// Proposes to begin these. One that is refused is planned anew in the next round, if it still makes sense.
    async fn begin(
        &mut self,
        metadata: &Metadata,
        moves: &[PlannedMove],
        refused: &mut Vec<(TabletId, Refused)>,
        error: &mut Option<String>,
    ) -> Result<(), StoreStopped> {
        let naming = moves.iter().fold(Naming::new(), |naming, planned| {
            let numbers = [
                planned.tablet.as_u64(),
                planned.expected.as_u64(),
                planned.from.as_u64(),
                planned.to.as_u64(),
            ];
            numbers.into_iter().fold(naming, Naming::number)
        });
        let proposal = Proposal {
            request: naming.name(Maker::Balancer, metadata.version),
            changes: moves.iter().map(PlannedMove::change).collect(),
        };
        let outcomes = match timeout(self.coordinator.store_deadline, self.store.propose(proposal)).await {
            Ok(Ok(outcomes)) => outcomes,
            Ok(Err(ProposeError::Stopped(stopped))) => return Err(stopped),
            Ok(Err(failed)) => {
                tracing::warn!(error = %failed, "what the balancer proposed was not taken, or is not known to be");
                *error = Some(failed.to_string());
                return Ok(());
            }
            Err(_) => {
                // Begun or not: the next round looks at the metadata.
                *error = Some("no answer to the proposal".to_owned());
                return Ok(());
            }
        };
        for (planned, outcome) in moves.iter().zip(outcomes) {
            let PlannedMove {
                tablet,
                from,
                to,
                reason,
                why,
                ..
            } = planned;
            match outcome {
                Ok(accepted) => {
                    tracing::info!(%tablet, %from, %to, %reason, %why, "the balancer has begun a move");
                    metrics::counter!("tidegate_balancer_moves_total", "reason" => reason.name())
                        .increment(1);
                    if let Accepted::Epoch(begun) = accepted {
                        self.rests.began(*tablet, begun, *to);
                    }
                }
                Err(why) => {
                    tracing::info!(%tablet, %from, %to, %reason, %why, "the balancer's move was refused");
                    metrics::counter!("tidegate_balancer_refused_total", "reason" => reason.name())
                        .increment(1);
                    refused.push((*tablet, why));
                }
            }
        }
        Ok(())
    }
}

/// Whether another plan may come of it: a tablet has its stream behind it, or came or went; members, the switch or
/// the permits have changed.
fn matters(last: &Metadata, update: &Update) -> bool {
    let now = &update.metadata;
    let tablets = match &update.touched {
        Touched::All => true,
        Touched::Tablets(ids) => ids.iter().any(|id| {
            let transition = now.tablets.get(id).and_then(|tablet| tablet.transition.as_ref());
            transition.is_none_or(|transition| !transition.stage.cancellable())
        }),
    };
    tablets || (last.balancing, last.permits) != (now.balancing, now.permits) || last.nodes != now.nodes
}
