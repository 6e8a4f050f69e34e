//! A cluster begins.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tidegate_tablets::{NodeAddress, NodeId, NodeInfo};

use super::App;
use super::extract::Said;
use super::problem::{Failure, Problems};
use crate::api::{self, problem_type};
use crate::running::{ClusterError, Founder};

/// The most nodes that a cluster begins with.
const NODES_MAX: usize = 15;

/// The longest address.
const ADDRESS_MAX: usize = 256;

/// Founds a cluster, once in its life, of nodes that run and belong to none. Can be asked again where it was broken off.
#[utoipa::path(post, operation_id = "cluster_init", path = "/v1/cluster/init", tag = "cluster", request_body = api::InitRequest, responses((status = 200, description = "It could be founded (a dry run)", body = api::Founded), (status = 201, description = "It is founded", body = api::Founded), Problems))]
pub(super) async fn init(
    State(app): State<App>,
    Said(asked): Said<api::InitRequest>,
) -> Result<(StatusCode, Json<api::Founded>), Failure> {
    if asked.nodes.is_empty() || asked.nodes.len() > NODES_MAX {
        return Err(Failure::senseless(format!(
            "`nodes` names 1 to {NODES_MAX} nodes"
        )));
    }
    let founders = asked
        .nodes
        .iter()
        .map(|node| founder(node.id, &node.transport, &node.admin, node.rack.clone()));
    let founders: Vec<Founder> = founders.collect::<Result<_, _>>()?;
    let running = &app.running;
    let founded = |dry_run| api::Founded {
        cluster: running.cluster.clone(),
        nodes: founders.iter().map(|founder| founder.node.as_u64()).collect(),
        dry_run,
    };
    if asked.dry_run {
        running.may_found(&founders).await.map_err(|error| told(&error))?;
        return Ok((StatusCode::OK, Json(founded(true))));
    }
    Box::pin(running.found(&founders))
        .await
        .map_err(|error| told(&error))?;
    Ok((StatusCode::CREATED, Json(founded(false))))
}

/// A node that is named, with bounds looked at.
pub(super) fn founder(
    id: u64,
    transport: &str,
    admin: &str,
    rack: Option<String>,
) -> Result<Founder, Failure> {
    let senseless = |what: &str| Err(Failure::senseless(format!("node {id}: {what}")));
    if id == 0 {
        return senseless("nodes are numbered from 1");
    }
    let port = transport.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let port = port.and_then(|(_, port)| port.parse::<u16>().ok());
    if transport.len() > ADDRESS_MAX || port.is_none_or(|port| port == 0) {
        return senseless("`transport` is `host:port`, of at most 256 bytes");
    }
    let rest = admin
        .strip_prefix("http://")
        .or_else(|| admin.strip_prefix("https://"));
    if admin.len() > ADDRESS_MAX || rest.is_none_or(str::is_empty) {
        return senseless("`admin` is a URL that begins with http:// or https://, of at most 256 bytes");
    }
    if rack
        .as_ref()
        .is_some_and(|rack| rack.is_empty() || rack.len() > NodeInfo::RACK_BYTES_MAX)
    {
        return senseless("`rack` is 1 to 256 bytes");
    }
    Ok(Founder {
        node: NodeId::new(id),
        address: NodeAddress {
            transport: transport.to_owned(),
            admin: admin.to_owned(),
        },
        rack,
    })
}

/// Why a cluster was not founded, or a node not taken in.
pub(super) fn told(error: &ClusterError) -> Failure {
    let detail = error.to_string();
    match error {
        ClusterError::NotNamed(_) | ClusterError::Twice(_) => Failure::senseless(detail),
        ClusterError::Unreachable { .. } => Failure::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            problem_type::UNREACHABLE,
            "A node cannot be reached",
            format!("{detail}: start it, or correct its address; then ask again"),
        ),
        ClusterError::AlreadyFounded(_) => Failure::conflict(
            problem_type::ALREADY_FOUNDED,
            "The node belongs to a cluster",
            format!("{detail}: a cluster is founded once; further nodes come with `tidegate join`"),
        ),
        ClusterError::NoCluster => Failure::no_cluster(),
        ClusterError::Excluded(node) => Failure::excluded(node.as_u64()),
        ClusterError::Exists { .. } => Failure::conflict(
            problem_type::NODE_EXISTS,
            "The number is taken",
            format!("{detail}: give the new node another number"),
        ),
        ClusterError::Operator(error) => Failure::from(error.clone()),
        ClusterError::Membership(error) => membership(error),
        ClusterError::NoLeader => {
            Failure::outcome_unknown(format!("{detail}: look at the nodes' logs, ask again"))
        }
    }
}

fn membership(error: &tidegate_raft::MembershipError) -> Failure {
    use tidegate_raft::MembershipError;
    match error {
        // The store had answered before: it stopped in the middle of it.
        MembershipError::Unknown(_) | MembershipError::Stopped(_) => {
            Failure::outcome_unknown(format!("{error}: ask again, that does no harm"))
        }
        MembershipError::Refused(_) => {
            Failure::conflict(problem_type::REFUSED, "The log refuses it", error.to_string())
        }
        other => Failure::unavailable(format!("{other}: ask again, that does no harm")),
    }
}
