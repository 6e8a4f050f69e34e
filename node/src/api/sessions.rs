//! Sessions, and who holds them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Silent, Stage};

/// Where a session is on its way, on one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SessionPhase {
    /// Admits holders.
    Open,
    /// Admits nobody, and has holders: a barrier waits for them.
    Closing,
}

/// Who holds a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Holder {
    /// What it does, such as `stream.receive`, and for what.
    pub(crate) label: String,
    /// The step it reported last; empty before the first.
    pub(crate) step: String,
    /// Since when it holds the session, in milliseconds.
    pub(crate) age_ms: u64,
    /// Since when it has reported no progress, in milliseconds.
    pub(crate) idle_ms: u64,
}

/// A session on one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Session {
    /// Its id, a UUID.
    pub(crate) session: String,
    /// The tablet whose metadata has it.
    pub(crate) tablet: u64,
    /// The node on which it is open or closing.
    pub(crate) node: u64,
    /// Where it is on its way there.
    pub(crate) phase: SessionPhase,
    /// The stage that has it by the metadata; none where that has moved on.
    pub(crate) stage: Option<Stage>,
    /// Who holds it, oldest first; at most 64.
    pub(crate) holders: Vec<Holder>,
    /// Holders that are not named.
    pub(crate) more_holders: u64,
}

/// The sessions of all nodes that answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Sessions {
    /// By tablet, then by node.
    pub(crate) sessions: Vec<Session>,
    /// Members that did not answer in time.
    pub(crate) silent: Vec<Silent>,
}
