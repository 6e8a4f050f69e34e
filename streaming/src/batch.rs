//! What a stream carries.

use bytes::Bytes;

/// A place in a unit's order of rows: the key of a row, opaque to streaming but for its order: positions compare byte
/// by byte, as the rows are ordered. At most 64 KiB. A scan that starts from a position starts after it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub Bytes);

/// Some rows, in order, as the engines at both ends understand them and streaming does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The rows, encoded.
    pub payload: Bytes,
    /// How many rows the payload holds; never zero.
    pub rows: u32,
    /// The last row's place: a scan from here gives what follows.
    pub last: Position,
}
