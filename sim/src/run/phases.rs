//! The phases of a run: begin, trouble, heal, end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tidegate_coordinator::{Operator, OperatorError};
use tidegate_session::Sessions;
use tidegate_tablets::{NodeId, TableId};
use tokio::time::{sleep, timeout};

use super::LIVENESS_BOUND;
use crate::clients::Clients;
use crate::cluster::Cluster;
use crate::dice::Dice;
use crate::faults::Faults;
use crate::mover::Mover;
use crate::plan::Plan;
use crate::recorder::{Recorder, View};
use crate::report::RunReport;

/// How long things may go wrong.
const TROUBLE_MAX: Duration = Duration::from_secs(20);

/// How long streams and tasks may go on once nobody asks for anything any more: what a peer that fell silent was told,
/// or was to tell, is given up by deadlines alone, and twice this is more than any two of them together.
const QUIET_BOUND: Duration = Duration::from_secs(5);

/// How often it is looked whether something has come true.
const PACE: Duration = Duration::from_millis(10);

/// Lives through a run: what it came to, and what did not come true in time.
pub(super) async fn live(plan: Plan, recorder: Recorder) -> (RunReport, Result<(), String>) {
    let cluster = Cluster::new(plan, recorder.clone());
    recorder.watch(Arc::clone(&cluster) as Arc<dyn View>);
    let elector = cluster.spawn(Arc::clone(&cluster).elect(Dice::new(cluster.plan.seed, "elector")));
    let lived = live_in(&cluster).await;
    // Virtual time is known in here only.
    let report = recorder.finish();
    elector.abort();
    cluster.stop().await;
    (report, lived)
}

async fn live_in(cluster: &Arc<Cluster>) -> Result<(), String> {
    let tables = begin(cluster).await?;
    let clients = Clients::new(Arc::clone(cluster), tables.clone());
    let first = cluster.up().first().cloned().ok_or("no node is up")?;
    clients.load(&first).await;
    // If it crashes, nothing of it is left in here.
    drop(first);

    let working = clients.start();
    let mut moving = cluster.spawn(Mover::new(Arc::clone(cluster)).run());
    let faults = Faults::start(Arc::clone(cluster), tables);
    // What has not ended by then ends once all is healed.
    let moved = timeout(TROUBLE_MAX, &mut moving).await.is_ok();
    faults.end().await;
    heal(cluster);
    clients.end();
    let ended = timeout(LIVENESS_BOUND, async {
        if !moved {
            drop(moving.await);
        }
        quiet(cluster).await;
        for client in working {
            drop(client.await);
        }
        quiet(cluster).await;
    });
    if ended.await.is_err() {
        return Err(why_stuck(cluster));
    }
    clients.write_last().await?;
    clients.read_all().await?;
    cluster.rest_stores().await;
    let left = || (cluster.streams(), cluster.tasks());
    let gone = until(cluster, || left() == (0, 0));
    // Who has not ended by then is found by the invariants.
    drop(timeout(QUIET_BOUND, gone).await);
    Ok(())
}

/// Starts the nodes and makes the tables.
async fn begin(cluster: &Arc<Cluster>) -> Result<Vec<TableId>, String> {
    let plan = &cluster.plan;
    let dice = Dice::new(plan.seed, "begin");
    let ids: Vec<NodeId> = (1..=plan.nodes).map(NodeId::new).collect();
    for id in &ids {
        let skew = i64::try_from(dice.number(0..=plan.skew_ms_max * 2)).unwrap_or_default();
        let half = i64::try_from(plan.skew_ms_max).unwrap_or_default();
        cluster.add(*id, skew - half);
    }
    until(cluster, || cluster.up().len() == ids.len()).await;
    cluster.found().await?;
    let operator = cluster.operator(&dice, 0).ok_or("no node is up")?;
    let made = make(&operator, &ids, plan, &dice).await;
    let tables = made.map_err(|error| format!("the tables could not be made: {error}"))?;
    let version = cluster.map().version;
    let there =
        |node: &Arc<crate::cluster::Node>| node.replica.map().is_some_and(|map| map.version >= version);
    until(cluster, || cluster.up().iter().all(there)).await;
    Ok(tables)
}

async fn make(
    operator: &Operator,
    ids: &[NodeId],
    plan: &Plan,
    dice: &Dice,
) -> Result<Vec<TableId>, OperatorError> {
    for id in ids {
        operator.add_node(*id).await?;
    }
    operator.set_balancing(true).await?;
    let mut tables = Vec::new();
    for (number, tablets) in plan.tables.iter().enumerate() {
        let sets = (0..*tablets).map(|_| {
            let first = dice.below(ids.len());
            let set = (0..plan.replicas).map(|next| ids[(first + next) % ids.len()]);
            set.collect::<BTreeSet<NodeId>>()
        });
        tables.push(
            operator
                .create_table(format!("t{number}"), sets.collect())
                .await?,
        );
    }
    Ok(tables)
}

/// From here on nothing goes wrong any more.
fn heal(cluster: &Arc<Cluster>) {
    cluster.ground.heal();
    cluster.retire_old_coordinators();
    for id in cluster.down() {
        cluster.start(id);
    }
}

/// Waits until no transition runs, nothing of one is left, and no change is still to be decided.
async fn quiet(cluster: &Cluster) {
    until(cluster, || {
        let resting = cluster
            .map()
            .tablets
            .values()
            .all(|tablet| tablet.transition.is_none());
        resting
            && cluster.is_idle()
            && cluster.up().iter().all(|node| {
                let sessions = node.sessions.open_sessions().len() + node.sessions.closing_sessions().len();
                sessions == 0 && cluster.held(node.id).staged.is_empty()
            })
    })
    .await;
}

async fn until(cluster: &Cluster, there: impl Fn() -> bool) {
    while !there() && !cluster.recorder().is_violated() {
        sleep(PACE).await;
    }
}

fn why_stuck(cluster: &Cluster) -> String {
    let running: Vec<String> = cluster
        .map()
        .tablets
        .iter()
        .filter_map(|(id, tablet)| {
            let transition = tablet.transition.as_ref()?;
            Some(format!(
                "tablet {id} is in {} of a {}",
                transition.stage, transition.kind
            ))
        })
        .collect();
    let held: Vec<String> = cluster
        .up()
        .iter()
        .flat_map(|node| node.sessions.holders())
        .map(|holder| holder.to_string())
        .collect();
    let down = cluster.down();
    let status = cluster.seat.status();
    format!(
        "not all has ended {LIVENESS_BOUND:?} after the last fault: {running:?}; held by {held:?}; down: {down:?}; \
         the coordinator says {status:?}"
    )
}
