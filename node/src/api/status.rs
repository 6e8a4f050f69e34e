//! How the cluster is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Node, Silent};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// Worth knowing; nothing has to be done.
    Info,
    /// Something needs a look.
    Warning,
    /// Requests fail, or will with one more fault.
    Critical,
}

/// Something that is not as it should be, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Finding {
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What is wrong.
    pub(crate) what: String,
    /// What to do about it.
    #[serde(rename = "do")]
    pub(crate) remedy: String,
}

/// How the cluster is, as one node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Status {
    /// The cluster's name.
    pub(crate) cluster: String,
    /// The node that answers.
    pub(crate) node: u64,
    /// How often the answering node was started on its data.
    #[serde(default)]
    pub(crate) incarnation: u64,
    /// Whether the node belongs to a cluster: one that does not waits for init or join.
    pub(crate) founded: bool,
    /// Whether no finding is a warning or worse.
    pub(crate) healthy: bool,
    /// What is not as it should be, the worst first; at most 256.
    pub(crate) findings: Vec<Finding>,
    /// The node that leads the metadata, if one does.
    pub(crate) leader: Option<u64>,
    /// The term of the metadata's log.
    pub(crate) term: u64,
    /// The metadata's version, as the answering node has applied it.
    pub(crate) version: u64,
    /// Whether the balancer may start moves.
    pub(crate) balancing: bool,
    /// Tables.
    pub(crate) tables: u64,
    /// Tablets of all tables.
    pub(crate) tablets: u64,
    /// Tablets in transition.
    pub(crate) transitions: u64,
    /// Every node that ever was a member.
    pub(crate) nodes: Vec<Node>,
    /// Members that did not answer in time.
    pub(crate) silent: Vec<Silent>,
}
