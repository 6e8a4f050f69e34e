//! Whether the replicas of a table hold the same.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Silent;

/// Asks for a table's replicas to be compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verify {
    /// Differences that are named at most.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1000, default = 100)]
    pub(crate) differences_max: Option<u32>,
    /// Seconds that it may take; tablets that were not reached until then are said to be unfinished.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 600, default = 300)]
    pub(crate) seconds_max: Option<u32>,
}

/// How a replica differs from the newest row of a key that any replica shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhatDiffers {
    /// It has no row of the key.
    Missing,
    /// Its row is older.
    Older,
    /// Its row has the same time and another value: this never comes from a lost message.
    Different,
}

/// A key of which the replicas do not hold the same. It need not be a loss: a replica that was down for a while lacks what
/// the others acknowledged meanwhile, and every read finds it on them. It is one where `below_quorum` is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Difference {
    /// Of which tablet.
    pub(crate) tablet: u64,
    /// The key, in base64.
    pub(crate) key: String,
    /// The replica that differs.
    pub(crate) node: u64,
    /// How.
    pub(crate) what: WhatDiffers,
    /// The time of the newest row, on the cluster's hybrid clock.
    pub(crate) newest_time: u64,
    /// Whether the newest row is a tombstone.
    pub(crate) newest_is_tombstone: bool,
    /// A replica that holds the newest row.
    pub(crate) newest_on: u64,
    /// Whether so few replicas hold the newest row that a read may miss it.
    pub(crate) below_quorum: bool,
}

/// What one replica holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ReplicaCount {
    /// Whose.
    pub(crate) node: u64,
    /// Rows that are no tombstones.
    pub(crate) rows: u64,
    /// Tombstones.
    pub(crate) tombstones: u64,
    /// Bytes of keys and values.
    pub(crate) bytes: u64,
}

/// What the comparison of one tablet has come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct VerifiedTablet {
    /// Which.
    pub(crate) tablet: u64,
    /// What each replica holds.
    pub(crate) replicas: Vec<ReplicaCount>,
    /// Keys that differ, confirmed by a second look.
    pub(crate) differences: u64,
    /// Keys that differed at the first look only: they were being written.
    pub(crate) settled: u64,
    /// Why it was not compared to the end: a replica did not answer, it moved meanwhile, or time was up.
    pub(crate) unfinished: Option<String>,
}

/// What the comparison of a table has come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct VerifyReport {
    /// Whether all tablets were compared to the end, and no replica differs.
    pub(crate) same: bool,
    /// Rows of the table that are no tombstones, those of one replica of each tablet.
    pub(crate) rows: u64,
    /// Tombstones, those of one replica of each tablet.
    pub(crate) tombstones: u64,
    /// Keys that differ, confirmed by a second look.
    pub(crate) differences: u64,
    /// Of those, keys whose newest row is on so few replicas that a read may miss it.
    pub(crate) below_quorum: u64,
    /// The first of them.
    pub(crate) named: Vec<Difference>,
    /// Tablets that were not compared to the end.
    pub(crate) unfinished: u64,
    /// Tablet by tablet.
    pub(crate) tablets: Vec<VerifiedTablet>,
    /// Replicas that did not answer.
    pub(crate) silent: Vec<Silent>,
    /// How to read this, where writes went on meanwhile.
    pub(crate) notes: Vec<String>,
}
