//! What every error looks like.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An error, as RFC 9457 has it (`application/problem+json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Problem {
    /// What kind of problem it is, for programs: a path such as `/problems/in-transition`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The kind, for people.
    pub(crate) title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub(crate) status: u16,
    /// What happened this time, and what to do next.
    pub(crate) detail: String,
}

/// The kinds of problems whose names programs may go by.
pub(crate) mod problem_type {
    /// The request is no valid one; its detail says where.
    pub(crate) const BAD_REQUEST: &str = "/problems/bad-request";
    /// The bearer token is missing or wrong.
    pub(crate) const UNAUTHORIZED: &str = "/problems/unauthorized";
    /// There is nothing at that path.
    pub(crate) const NOT_FOUND: &str = "/problems/not-found";
    /// The path does not take that method.
    pub(crate) const METHOD_NOT_ALLOWED: &str = "/problems/method-not-allowed";
    /// The body is longer than 16 MiB, or than what the path takes.
    pub(crate) const BODY_TOO_LARGE: &str = "/problems/body-too-large";
    /// The body is not of the type that the path takes.
    pub(crate) const MEDIA_TYPE: &str = "/problems/unsupported-media-type";
    /// No such tablet, or none any more.
    pub(crate) const UNKNOWN_TABLET: &str = "/problems/unknown-tablet";
    /// No such table, or none any more.
    pub(crate) const UNKNOWN_TABLE: &str = "/problems/unknown-table";
    /// No such node.
    pub(crate) const UNKNOWN_NODE: &str = "/problems/unknown-node";
    /// No such key.
    pub(crate) const UNKNOWN_KEY: &str = "/problems/unknown-key";
    /// There is a table of that name.
    pub(crate) const TABLE_EXISTS: &str = "/problems/table-exists";
    /// The number of the node is or was in use.
    pub(crate) const NODE_EXISTS: &str = "/problems/node-exists";
    /// The node holds a replica of the tablet already.
    pub(crate) const ALREADY_REPLICA: &str = "/problems/already-replica";
    /// The node holds no replica of the tablet.
    pub(crate) const NOT_REPLICA: &str = "/problems/not-replica";
    /// The node is draining: nothing moves there.
    pub(crate) const DRAINING: &str = "/problems/draining";
    /// The node is excluded, for ever.
    pub(crate) const EXCLUDED: &str = "/problems/excluded";
    /// The tablet is in transition.
    pub(crate) const IN_TRANSITION: &str = "/problems/in-transition";
    /// The tablet is not in transition, or not in the one that was named.
    pub(crate) const NOT_IN_TRANSITION: &str = "/problems/not-in-transition";
    /// The transition is so far that there is only forward.
    pub(crate) const TOO_LATE: &str = "/problems/too-late";
    /// It would take a tablet's quorum, and with it acknowledged writes.
    pub(crate) const QUORUM: &str = "/problems/quorum";
    /// The metadata refuses it for another reason, which the detail names.
    pub(crate) const REFUSED: &str = "/problems/refused";
    /// The node belongs to a cluster already.
    pub(crate) const ALREADY_FOUNDED: &str = "/problems/already-founded";
    /// The node belongs to no cluster yet.
    pub(crate) const NO_CLUSTER: &str = "/problems/no-cluster";
    /// A node that the request names cannot be reached where it says.
    pub(crate) const UNREACHABLE: &str = "/problems/unreachable";
    /// It was not done, and may be later: no leader, no quorum, or a node that cannot be reached. Try again.
    pub(crate) const UNAVAILABLE: &str = "/problems/unavailable";
    /// It may or may not have been done: look before asking again.
    pub(crate) const OUTCOME_UNKNOWN: &str = "/problems/outcome-unknown";
    /// It took longer than a request may.
    pub(crate) const TIMED_OUT: &str = "/problems/timed-out";
    /// A fault of the program.
    pub(crate) const INTERNAL: &str = "/problems/internal";
}
