//! Limits on streams.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Silent;

/// Sets limits; what is left out stays as it is, and `null` takes a limit away. Streams that run go on under the new
/// limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetThrottle {
    /// Bytes per second that all streams of a node send together.
    #[serde(default, with = "kept", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, minimum = 1024, maximum = 1_099_511_627_776_u64)]
    pub(crate) send_bytes_per_second: Option<Option<u64>>,
    /// Bytes per second that all streams of a node receive together.
    #[serde(default, with = "kept", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, minimum = 1024, maximum = 1_099_511_627_776_u64)]
    pub(crate) receive_bytes_per_second: Option<Option<u64>>,
    /// Streams that each node sends at once. Part of the metadata: counts for all nodes, and outlives restarts.
    #[serde(default, with = "kept", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1024)]
    pub(crate) sends: Option<Option<u32>>,
    /// Streams that each node receives at once. Part of the metadata: counts for all nodes, and outlives restarts.
    #[serde(default, with = "kept", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1024)]
    pub(crate) receives: Option<Option<u32>>,
    /// The node whose bytes per second are meant; by default all nodes'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) node: Option<u64>,
}

/// The limits of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct NodeThrottle {
    /// Which.
    pub(crate) node: u64,
    /// Bytes per second that its streams send together; none: no limit. A restart goes back to its configuration.
    pub(crate) send_bytes_per_second: Option<u64>,
    /// Bytes per second that its streams receive together; none: no limit.
    pub(crate) receive_bytes_per_second: Option<u64>,
    /// Streams that it may send at once now.
    pub(crate) sends: u64,
    /// Streams that it may receive at once now.
    pub(crate) receives: u64,
}

/// The limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Throttle {
    /// Streams that the coordinator has each node send at once.
    pub(crate) coordinator_sends: u32,
    /// Streams that the coordinator has each node receive at once.
    pub(crate) coordinator_receives: u32,
    /// The same as the metadata names it; none: it goes by its own default.
    pub(crate) sends: Option<u32>,
    /// The same as the metadata names it; none: it goes by its own default.
    pub(crate) receives: Option<u32>,
    /// What the nodes that answered go by.
    pub(crate) nodes: Vec<NodeThrottle>,
    /// Members that did not answer in time: a limit may not have reached them.
    pub(crate) silent: Vec<Silent>,
}

/// Tells a field that is `null` from one that is left out.
mod kept {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        it: &Option<Option<T>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        it.as_ref().and_then(Option::as_ref).serialize(to)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Option<T>>, D::Error> {
        Option::deserialize(from).map(Some)
    }
}
