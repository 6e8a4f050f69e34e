//! Rows.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A row to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RowToWrite {
    /// The key, in base64 (RFC 4648, with padding); 1 to 4096 bytes.
    #[schema(
        content_encoding = "base64",
        min_length = 4,
        max_length = 5464,
        pattern = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
    )]
    pub(crate) key: String,
    /// The value, in base64; none deletes the key.
    #[serde(default)]
    #[schema(
        content_encoding = "base64",
        max_length = 1_310_720,
        pattern = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
    )]
    pub(crate) value: Option<String>,
}

/// Rows to write. As `application/x-ndjson` the body is one row a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoadRows {
    /// The rows; of several of one key the last counts.
    #[serde(deserialize_with = "super::object::objects")]
    #[schema(max_items = 65_536)]
    pub(crate) rows: Vec<RowToWrite>,
}

/// A row of a batch that was not written, or is not known to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct LoadFailure {
    /// Which row of the request, from zero.
    pub(crate) at: u64,
    /// Its key, in base64.
    pub(crate) key: String,
    /// Whether it may have been written.
    pub(crate) outcome_unknown: bool,
    /// What went wrong.
    pub(crate) error: String,
}

/// What became of a batch. Every row has an outcome of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct RowsLoaded {
    /// Rows that were written.
    pub(crate) written: u64,
    /// Rows that were not, or are not known to be.
    pub(crate) failed: u64,
    /// Of the failed ones those whose outcome is not known.
    pub(crate) outcome_unknown: u64,
    /// The first of those that failed; at most 64.
    pub(crate) failures: Vec<LoadFailure>,
}

/// A row was written or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Written {
    /// When, on the cluster's hybrid clock: milliseconds since 1970 in the upper 48 bits, a counter in the lower 16.
    pub(crate) time: u64,
    /// The node whose clock it was.
    pub(crate) node: u64,
}

/// A row that a scan found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ScannedRow {
    /// The key, in base64.
    #[schema(content_encoding = "base64")]
    pub(crate) key: String,
    /// The value, in base64.
    #[schema(content_encoding = "base64")]
    pub(crate) value: String,
}

/// A page of a scan. Each row is read from a quorum; there is no order between writes that run and the scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ScannedRows {
    /// The rows, tablet by tablet in the order of their ranges, within a tablet in the order of keys. A page may hold
    /// fewer than asked for, or none, and not be the last.
    pub(crate) rows: Vec<ScannedRow>,
    /// What to give as `after` for the next page; none after the last one.
    pub(crate) next: Option<String>,
}
