//! The decoders of what lies on disk, for those who feed them any bytes.
//!
//! Each gives what it read, encoded anew, if it could read it. The codec of values is that of the rows' crate.

use crate::record::{self, Kind, Owner};

/// The unit and session of a record's key, and the number behind them if there is one.
#[must_use]
pub fn record_key(key: &[u8]) -> Option<Vec<u8>> {
    let (unit, session, rest) = record::scope(key).ok()?;
    if rest.is_empty() {
        return Some(Kind::Mark.key(unit, session));
    }
    let peer = record::number(rest).ok()?;
    Some(record::position_key(unit, session, peer))
}

/// Whose rows the keyspace of that name holds.
#[must_use]
pub fn keyspace(name: &str) -> Option<String> {
    record::owner(name).map(|owner| match owner {
        Owner::Tablet(tablet) => record::tablet_keyspace(tablet),
        Owner::Staging(unit, session) => record::staging_keyspace(unit, session),
    })
}
