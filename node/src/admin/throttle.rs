//! Limits on streams.

use axum::Json;
use axum::extract::State;
use tidegate_tablets::{MetadataStore as _, NodeId, StreamPermits};

use super::App;
use super::extract::Said;
use super::problem::{Failure, Problems};
use crate::api;
use crate::leading;
use crate::reports::{Ask, REPORT_DEADLINE, ThrottleAsk, Told};

/// The least and the most bytes per second.
const BYTES_MIN: u64 = 1 << 10;
const BYTES_MAX: u64 = 1 << 40;

/// The limits that nodes go by.
#[utoipa::path(get, operation_id = "throttle_show", path = "/v1/throttle", tag = "balancing", responses((status = 200, description = "The limits", body = api::Throttle), Problems))]
pub(super) async fn show(State(app): State<App>) -> Json<api::Throttle> {
    Json(ask(&app, ThrottleAsk::default(), None).await)
}

/// Changes limits, for streams that run too.
#[utoipa::path(put, operation_id = "throttle_set", path = "/v1/throttle", tag = "balancing", request_body = api::SetThrottle, responses((status = 200, description = "The limits now", body = api::Throttle), Problems))]
pub(super) async fn set(
    State(app): State<App>,
    Said(asked): Said<api::SetThrottle>,
) -> Result<Json<api::Throttle>, Failure> {
    let bytes = ThrottleAsk {
        send: bytes("send_bytes_per_second", asked.send_bytes_per_second)?,
        receive: bytes("receive_bytes_per_second", asked.receive_bytes_per_second)?,
    };
    let permits = |key: &str, number: Option<Option<u32>>| match number {
        Some(Some(number)) if !(1..=StreamPermits::MAX).contains(&number) => Err(Failure::senseless(
            format!("`{key}` is 1 to {}", StreamPermits::MAX),
        )),
        number => Ok(number),
    };
    let (sends, receives) = (
        permits("sends", asked.sends)?,
        permits("receives", asked.receives)?,
    );
    let only = asked.node.map(NodeId::new);
    if let Some(node) = only {
        is_asked_of(&app, node)?;
    }
    if sends.is_some() || receives.is_some() {
        let known = app.newest().await?.permits;
        let permits = StreamPermits {
            sends: sends.unwrap_or(known.sends),
            receives: receives.unwrap_or(known.receives),
        };
        app.running.operator.set_permits(permits).await?;
    }
    Ok(Json(ask(&app, bytes, only).await))
}

/// Whether limits can be asked of a node: of one that is a member, or of the one that answers.
fn is_asked_of(app: &App, node: NodeId) -> Result<(), Failure> {
    match app.running.raft.snapshot().nodes.get(&node) {
        Some(info) if info.excluded => Err(Failure::excluded(node.as_u64())),
        None if node != app.running.id => Err(Failure::unknown_node(node.as_u64())),
        _ => Ok(()),
    }
}

/// What is asked of the nodes: zero takes a limit away.
fn bytes(key: &str, asked: Option<Option<u64>>) -> Result<Option<u64>, Failure> {
    match asked {
        None => Ok(None),
        Some(None) => Ok(Some(0)),
        Some(Some(bytes)) if (BYTES_MIN..=BYTES_MAX).contains(&bytes) => Ok(Some(bytes)),
        Some(Some(_)) => Err(Failure::senseless(format!(
            "`{key}` is {BYTES_MIN} to {BYTES_MAX}, or null for no limit"
        ))),
    }
}

/// Asks the node that is meant, or all; then tells what all go by.
async fn ask(app: &App, asked: ThrottleAsk, only: Option<NodeId>) -> api::Throttle {
    let reports = &app.running.reports;
    let mut missed = None;
    let everyone = match only {
        Some(node) => {
            let told = reports.ask(node, &Ask::Throttle(asked), REPORT_DEADLINE).await;
            missed = told.err().map(|why| api::Silent {
                node: node.as_u64(),
                why,
            });
            ThrottleAsk::default()
        }
        None => asked,
    };
    let mut gathered = reports
        .ask_members(&Ask::Throttle(everyone), REPORT_DEADLINE)
        .await;
    if let Some(missed) = missed
        && gathered.silent.iter().all(|silent| silent.node != missed.node)
    {
        gathered.silent.push(missed);
    }
    let permits = app.running.raft.snapshot().permits;
    let nodes = gathered.told.into_values().filter_map(|told| match told {
        Told::Throttle(limits) => Some(limits),
        _ => None,
    });
    let own = leading::coordinator_config();
    let at_most = |asked: Option<u32>, own: usize| asked.unwrap_or(u32::try_from(own).unwrap_or(u32::MAX));
    api::Throttle {
        coordinator_sends: at_most(permits.sends, own.sends_per_node),
        coordinator_receives: at_most(permits.receives, own.receives_per_node),
        sends: permits.sends,
        receives: permits.receives,
        nodes: nodes.collect(),
        silent: gathered.silent,
    }
}
