//! Names of keyspaces and records of the `meta` keyspace.
//!
//! All numbers in keys are big-endian, so that records of one tablet lie together. One letter says what a record
//! is:
//!
//! | key | value | meaning |
//! | --- | --- | --- |
//! | `v` | format | the version of this layout |
//! | `l` | time | the latest time of a row written or attached |
//! | `x` tablet | | the tablet is being removed: finish that |
//! | `a` unit session | time | a staging area that collects; the latest time staged |
//! | `m` unit session | | it was attached |
//! | `y` unit session | time | its keyspace is a layer of the tablet, to be folded into it |
//! | `p` unit session peer | position | how far that source has come |
//! | `b` tablet | session | the tablet's own rows are in the keyspace that was staged under it, see `adopt` |
//! | `o` tablet | | beside a `b`: the keyspace named after the tablet is a layer, to be folded |
//!
//! A staging keyspace that no `a`, `y` or `b` names is left over from a crash, and deleted at the next start; so is a
//! tablet's where a `b` says that another took its place, and no `o` that it is a layer.

use tidegate_guard::SessionId;
use tidegate_kv::RowRef;
use tidegate_streaming::{EngineError, Position, UnitId};

use crate::error::{KeyTooLong, damaged};
use crate::tablet::Named;

/// The version of the layout.
pub(crate) const FORMAT: u8 = 2;
/// The keyspace that holds the records.
pub(crate) const META: &str = "meta";
pub(crate) const FORMAT_KEY: &[u8] = b"v";
pub(crate) const LATEST_KEY: &[u8] = b"l";

/// fjall takes keys of up to 65,535 bytes and no empty ones; ours have a byte in front.
const KEY_MAX: usize = u16::MAX as usize - 1;
const ROW: u8 = b'r';

/// What a record of a unit and session says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Area,
    Mark,
    Layer,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Area, Self::Mark, Self::Layer];

    const fn letter(self) -> u8 {
        match self {
            Self::Area => b'a',
            Self::Mark => b'm',
            Self::Layer => b'y',
        }
    }

    /// The key of this record of one unit and session.
    pub(crate) fn key(self, unit: UnitId, session: SessionId) -> Vec<u8> {
        scoped(self.letter(), unit, session)
    }

    /// What the keys of all records of this kind begin with.
    pub(crate) const fn prefix(self) -> [u8; 1] {
        [self.letter()]
    }

    /// What the keys of all records of this kind and one unit begin with.
    pub(crate) fn prefix_of(self, unit: UnitId) -> Vec<u8> {
        of_unit(self.letter(), unit)
    }
}

fn of_unit(letter: u8, unit: UnitId) -> Vec<u8> {
    let mut key = vec![letter];
    key.extend(unit.as_u64().to_be_bytes());
    key
}

fn scoped(letter: u8, unit: UnitId, session: SessionId) -> Vec<u8> {
    let mut key = of_unit(letter, unit);
    key.extend(session.as_u128().to_be_bytes());
    key
}

/// The unit and session of a record's key, and what follows them.
pub(crate) fn scope(key: &[u8]) -> Result<(UnitId, SessionId, &[u8]), EngineError> {
    let wrong = || damaged("a record with an odd key");
    let (_, rest) = key.split_first().ok_or_else(wrong)?;
    let (unit, rest) = rest.split_first_chunk().ok_or_else(wrong)?;
    let (session, rest) = rest.split_first_chunk().ok_or_else(wrong)?;
    let session = SessionId::from_u128(u128::from_be_bytes(*session)).map_err(|_| wrong())?;
    Ok((UnitId::new(u64::from_be_bytes(*unit)), session, rest))
}

/// The key of a removal mark.
pub(crate) fn removal_key(tablet: u64) -> Vec<u8> {
    of_unit(b'x', UnitId::new(tablet))
}

pub(crate) const REMOVALS: [u8; 1] = [b'x'];

/// The key that says where a tablet's own rows are, if not in the keyspace named after it.
pub(crate) fn base_key(tablet: u64) -> Vec<u8> {
    of_unit(b'b', UnitId::new(tablet))
}

pub(crate) const BASES: [u8; 1] = [b'b'];

pub(crate) fn encode_base(session: SessionId) -> [u8; 16] {
    session.as_u128().to_be_bytes()
}

pub(crate) fn base(stored: &[u8]) -> Result<SessionId, EngineError> {
    let number = stored
        .try_into()
        .map_err(|_| damaged("a record that is no session"))?;
    SessionId::from_u128(u128::from_be_bytes(number)).map_err(|_| damaged("a record of no session"))
}

/// The key that says that the keyspace named after a tablet is a layer.
pub(crate) fn own_layer_key(tablet: u64) -> Vec<u8> {
    of_unit(b'o', UnitId::new(tablet))
}

/// The key of a source's position.
pub(crate) fn position_key(unit: UnitId, session: SessionId, peer: u64) -> Vec<u8> {
    let mut key = scoped(b'p', unit, session);
    key.extend(peer.to_be_bytes());
    key
}

/// What the keys of all positions of one unit and session begin with.
pub(crate) fn positions_of(unit: UnitId, session: SessionId) -> Vec<u8> {
    scoped(b'p', unit, session)
}

/// What the keys of all positions of one unit begin with.
pub(crate) fn positions_of_unit(unit: UnitId) -> Vec<u8> {
    of_unit(b'p', unit)
}

pub(crate) fn encode_position(position: &Position) -> Vec<u8> {
    position.0.to_vec()
}

/// The key of the record that makes a keyspace a layer of a tablet.
pub(crate) fn layer_key(tablet: u64, named: Named) -> Vec<u8> {
    match named {
        Named::Tablet => own_layer_key(tablet),
        Named::Session(session) => Kind::Layer.key(UnitId::new(tablet), session),
    }
}

/// A number in a record's value or at the end of its key.
pub(crate) fn number(bytes: &[u8]) -> Result<u64, EngineError> {
    let bytes = bytes
        .try_into()
        .map_err(|_| damaged("a record that is no number"))?;
    Ok(u64::from_be_bytes(bytes))
}

/// The keyspace of a tablet's rows.
pub(crate) fn tablet_keyspace(tablet: u64) -> String {
    format!("t.{tablet}")
}

/// The keyspace of a staging area.
pub(crate) fn staging_keyspace(unit: UnitId, session: SessionId) -> String {
    format!("s.{unit}.{:032x}", session.as_u128())
}

/// Whose rows a keyspace holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Tablet(u64),
    Staging(UnitId, SessionId),
}

/// Whose rows the keyspace of that name holds; `None` for any other keyspace.
pub(crate) fn owner(keyspace: &str) -> Option<Owner> {
    if let Some(tablet) = keyspace.strip_prefix("t.") {
        return tablet.parse().ok().map(Owner::Tablet);
    }
    let (unit, session) = keyspace.strip_prefix("s.")?.split_once('.')?;
    let session = SessionId::from_u128(u128::from_str_radix(session, 16).ok()?).ok()?;
    Some(Owner::Staging(UnitId::new(unit.parse().ok()?), session))
}

/// The key under which a row is stored.
pub(crate) fn row_key(key: &[u8]) -> Result<Vec<u8>, KeyTooLong> {
    if key.len() > KEY_MAX {
        return Err(KeyTooLong {
            len: key.len(),
            max: KEY_MAX,
        });
    }
    let mut stored = Vec::with_capacity(key.len() + 1);
    stored.push(ROW);
    stored.extend_from_slice(key);
    Ok(stored)
}

/// The same, in place of what is in a buffer. The key is short enough.
pub(crate) fn store_row_key(key: &[u8], stored: &mut Vec<u8>) {
    stored.clear();
    stored.push(ROW);
    stored.extend_from_slice(key);
}

/// Whether a key is short enough to be stored.
pub(crate) const fn is_row_key(key: &[u8]) -> bool {
    key.len() <= KEY_MAX
}

/// Bytes of a row's key and value as they are stored.
pub(crate) fn stored_len(row: &RowRef<'_>) -> u64 {
    const TIMESTAMP_AND_FLAG: usize = 25;
    (1 + row.key.len() + TIMESTAMP_AND_FLAG + row.value.map_or(0, <[u8]>::len)) as u64
}

/// The row's own key.
pub(crate) fn user_key(stored: &[u8]) -> &[u8] {
    stored.get(1..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_keys_are_read_back() {
        let unit = UnitId::new(7);
        let session = SessionId::from_u128(0xfeed).expect("not nil");
        assert_eq!(owner(&tablet_keyspace(7)), Some(Owner::Tablet(7)));
        assert_eq!(
            owner(&staging_keyspace(unit, session)),
            Some(Owner::Staging(unit, session))
        );
        assert_eq!(owner(META), None);
        for kind in Kind::ALL {
            let key = kind.key(unit, session);
            assert_eq!(scope(&key).expect("sound"), (unit, session, &[][..]));
            assert!(key.starts_with(&kind.prefix_of(unit)));
            assert!(key.starts_with(&kind.prefix()));
        }
        let key = position_key(unit, session, 3);
        let (.., peer) = scope(&key).expect("sound");
        assert_eq!(number(peer).expect("a number"), 3);
    }

    #[test]
    fn an_empty_key_is_stored_and_too_long_a_key_is_refused() {
        assert_eq!(user_key(&row_key(b"").expect("short")), b"");
        assert!(row_key(&vec![0; KEY_MAX]).is_ok());
        assert!(row_key(&vec![0; KEY_MAX + 1]).is_err());
    }
}
