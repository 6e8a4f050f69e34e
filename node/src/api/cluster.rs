//! A cluster is founded.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One of the first nodes of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FoundingNode {
    /// Its number.
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

/// Asks for a cluster to be founded. Once in its life, on one of its nodes; all of them must run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InitRequest {
    /// Its first nodes, the answering one among them.
    #[serde(deserialize_with = "super::object::objects")]
    #[schema(min_items = 1, max_items = 15)]
    pub(crate) nodes: Vec<FoundingNode>,
    /// Only say whether it could be done.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// A cluster was founded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Founded {
    /// Its name.
    pub(crate) cluster: String,
    /// Its nodes.
    pub(crate) nodes: Vec<u64>,
    /// Whether nothing was done.
    pub(crate) dry_run: bool,
}
