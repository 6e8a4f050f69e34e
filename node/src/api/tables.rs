//! Tables and their tablets.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Transition;

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Table {
    /// Its number.
    pub(crate) id: u64,
    /// Its name.
    pub(crate) name: String,
    /// How many tablets it is cut into.
    pub(crate) tablets: u64,
    /// Replicas of a tablet, the fewest of any.
    pub(crate) replicas: u64,
    /// Tablets in transition.
    pub(crate) transitions: u64,
    /// Rows, tombstones counted, as estimated by the nodes that answered.
    pub(crate) rows: Option<u64>,
    /// Bytes of one replica of each tablet, as estimated by the nodes that answered.
    pub(crate) bytes: Option<u64>,
}

/// The tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Tables {
    /// By number.
    pub(crate) tables: Vec<Table>,
}

/// Asks for a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateTable {
    /// Its name.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$"
    )]
    pub(crate) name: String,
    /// Into how many tablets it is cut.
    #[schema(minimum = 1, maximum = 65536)]
    pub(crate) tablets: u32,
    /// How many replicas each tablet has; not more than there are nodes that are neither excluded nor draining.
    #[schema(minimum = 1, maximum = 15)]
    pub(crate) replicas: u32,
}

/// A table was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct TableCreated {
    /// Its number.
    pub(crate) id: u64,
    /// Its name.
    pub(crate) name: String,
    /// Its tablets' numbers, in the order of their ranges.
    pub(crate) tablets: Vec<u64>,
}

/// A tablet: a contiguous token range of a table, with a replica set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Tablet {
    /// Its number.
    pub(crate) id: u64,
    /// The table's number.
    pub(crate) table: u64,
    /// The table's name.
    pub(crate) table_name: String,
    /// The first token of its range, 16 hexadecimal digits.
    pub(crate) first_token: String,
    /// The last token of its range, 16 hexadecimal digits.
    pub(crate) last_token: String,
    /// The nodes that hold a replica; while it is in transition, those before.
    pub(crate) replicas: Vec<u64>,
    /// How often its metadata has changed.
    pub(crate) epoch: u64,
    /// The change that runs.
    pub(crate) transition: Option<Transition>,
    /// Rows, tombstones counted, as estimated by the nodes that answered.
    pub(crate) rows: Option<u64>,
    /// Bytes of one replica, as estimated by the nodes that answered.
    pub(crate) bytes: Option<u64>,
}

/// The tablets of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Tablets {
    /// In the order of their ranges.
    pub(crate) tablets: Vec<Tablet>,
}
