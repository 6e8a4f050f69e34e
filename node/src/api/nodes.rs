//! The cluster's nodes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a node is in the cluster of the metadata's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RaftRole {
    /// It has no vote, or belongs to no cluster yet.
    Learner,
    /// It has a vote and follows.
    Follower,
    /// It asks for votes.
    Candidate,
    /// It leads.
    Leader,
    /// It was stopped.
    Stopped,
}

/// Where a node is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Addresses {
    /// The address of its transport, `host:port`.
    #[schema(min_length = 1, max_length = 256, pattern = "^.+:[0-9]{1,5}$")]
    pub(crate) transport: String,
    /// The URL of its admin API.
    #[schema(min_length = 1, max_length = 256, pattern = "^https?://.+$")]
    pub(crate) admin: String,
}

/// What a node tells of the metadata's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct RaftView {
    /// What it is.
    pub(crate) role: RaftRole,
    /// Who leads, as far as it knows.
    pub(crate) leader: Option<u64>,
    /// The term it is in.
    pub(crate) term: u64,
    /// The last entry of its log.
    pub(crate) last: Option<u64>,
    /// The last entry it has applied.
    pub(crate) applied: Option<u64>,
    /// The version of its copy of the metadata.
    pub(crate) version: u64,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Node {
    /// Its number.
    pub(crate) id: u64,
    /// Where it is reached, if anybody said so.
    pub(crate) address: Option<Addresses>,
    /// The rack it stands in, if anybody said so.
    pub(crate) rack: Option<String>,
    /// Whether an operator has said, for ever, that it is stopped.
    pub(crate) excluded: bool,
    /// Whether it is to be emptied.
    pub(crate) draining: bool,
    /// Whether it has a vote in the metadata's log.
    pub(crate) voter: bool,
    /// Whether it answered just now.
    pub(crate) reachable: bool,
    /// Why it did not answer.
    pub(crate) error: Option<String>,
    /// Its version of the program, where it answered.
    pub(crate) software: Option<String>,
    /// Since when it runs, in seconds, where it answered.
    pub(crate) uptime_seconds: Option<u64>,
    /// What it tells of the metadata's log, where it answered.
    pub(crate) raft: Option<RaftView>,
    /// Replicas that it holds by the metadata, those of transitions counted.
    pub(crate) replicas: u64,
    /// Bytes that its replicas hold, as it estimates them, where it answered.
    pub(crate) bytes: Option<u64>,
}

/// A node that did not answer in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Silent {
    /// Which.
    pub(crate) node: u64,
    /// What went wrong.
    pub(crate) why: String,
}

/// The nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Nodes {
    /// Every node that ever was a member, by number.
    pub(crate) nodes: Vec<Node>,
}

/// Asks for an empty node to become a member. It must run, and reach this cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JoinRequest {
    /// Its number; one that was ever used is refused.
    #[schema(minimum = 1)]
    pub(crate) id: u64,
    /// The address of its transport, `host:port`.
    #[schema(min_length = 1, max_length = 256, pattern = "^.+:[0-9]{1,5}$")]
    pub(crate) transport: String,
    /// The URL of its admin API.
    #[schema(min_length = 1, max_length = 256, pattern = "^https?://.+$")]
    pub(crate) admin: String,
    /// The rack it stands in.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 256)]
    pub(crate) rack: Option<String>,
}

/// What is asked of a node besides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeRequest {
    /// Of an exclusion: also where it takes a tablet's quorum, and with it acknowledged writes. Elsewhere refused.
    #[serde(default)]
    pub(crate) give_up: bool,
    /// Only say what would happen.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// What was done, or would be, with a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct NodeAnswer {
    /// Which.
    pub(crate) node: u64,
    /// Whether nothing was done.
    pub(crate) dry_run: bool,
    /// What was done, or would be, in words.
    pub(crate) what: String,
    /// Replicas that it holds now.
    pub(crate) replicas: u64,
    /// Tablets whose quorum it takes, for an exclusion; at most 1024.
    pub(crate) takes_quorum_of: Vec<u64>,
    /// What else to know, or to do next.
    pub(crate) notes: Vec<String>,
}
