//! Messages that are valid.

use bytes::Bytes;
use tidegate_guard::FrozenGuard;
use tidegate_kv::{Row, StoredValue, Timestamp, encode_rows};
use tidegate_streaming::{Batch, Opening, Position, Receipt, Refusal, UnitId, frames};
use tidegate_transport_quic::decoders::stream_of;

use crate::machines::metadata::{Shown, with_transitions};
use crate::machines::session::frozen;

/// Little-endian numbers of eight bytes each behind a variant of four.
fn fixed(variant: u32, numbers: &[u64]) -> Vec<u8> {
    let mut bytes = variant.to_le_bytes().to_vec();
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    bytes
}

/// An order to do something: its kind, its tablet, its session.
fn order(kind: u32, tablet: u64, FrozenGuard { session, epoch }: FrozenGuard) -> Vec<u8> {
    let mut bytes = 1_u32.to_le_bytes().to_vec();
    bytes.extend(kind.to_le_bytes());
    bytes.extend(tablet.to_le_bytes());
    bytes.extend(session.as_u128().to_le_bytes());
    bytes.extend([epoch, 1, 5000].iter().flat_map(|number| number.to_le_bytes()));
    bytes
}

pub(super) fn control_requests() -> Vec<Vec<u8>> {
    let shown = with_transitions();
    let tablet = |index: usize| shown.tablets[index].as_u64();
    let mut requests = vec![fixed(0, &[2, tablet(0), 1, tablet(1), epoch(&shown, 1), 1, 5000])];
    for kind in 0..4 {
        requests.push(order(kind, tablet(1), shown.streamed()));
        requests.push(order(kind, tablet(2), shown.filled()));
    }
    requests
}

fn epoch(shown: &Shown, index: usize) -> u64 {
    let tablet = shown.metadata.tablets.get(&shown.tablets[index]);
    tablet.map_or(0, |tablet| tablet.epoch.as_u64())
}

pub(super) fn control_answers() -> Vec<Vec<u8>> {
    let number = |number: u64| number.to_le_bytes();
    let one = |rest: &[u8]| [&number(1)[..], &number(1)[..], rest].concat();
    let barrier = |rest: Vec<u8>| [&number(1)[..], &one(&rest)].concat();
    let two = |first: Vec<u8>, second: Vec<u8>| [number(2).to_vec(), one(&first), one(&second)].concat();
    let text = |variant: u32| [fixed(variant, &[4]), b"held".to_vec()].concat();
    vec![
        barrier(fixed(0, &[])),
        barrier(fixed(1, &[3])),
        barrier(
            [
                fixed(2, &[2, 4]),
                b"held".to_vec(),
                fixed(0, &[])[..0].to_vec(),
                0_u64.to_le_bytes().to_vec(),
            ]
            .concat(),
        ),
        barrier(fixed(3, &[3])),
        two(text(4), fixed(0, &[])),
        fixed(0, &[]),
        fixed(2, &[3]),
        text(6),
        text(7),
    ]
}

/// Frames, none among them empty but the second; one that ends too early; and one that is announced and does not come.
pub(super) fn quic_frames() -> Vec<Vec<u8>> {
    let frames = [&b"frame"[..], b"", &[7; 300]].map(Bytes::from_static);
    let stream = [&[3][..], &stream_of(&frames)].concat();
    let cut = stream[..stream.len() - 20].to_vec();
    vec![stream, cut, b"\x01\x00\x0f\xff\xff".to_vec()]
}

/// A hello, and each answer to one.
pub(super) fn tcp_hellos() -> Vec<Vec<u8>> {
    let said = |rest: &[u8]| [&b"tdgt\x00\x01"[..], rest].concat();
    let answers =
        (0..3).map(|answer| said(&[&[answer][..], &[7; 8], &[0, 64, 0, 0], &[0, 0, 1, 0]].concat()));
    let hello = said(&[&[7; 8][..], &[0, 64, 0, 0], &[0x1c, 0xe8]].concat());
    [hello].into_iter().chain(answers).collect()
}

/// Streams on a connection, how many bytes of which come at a time before them: one that ends cleanly and another after
/// it, one that is cut short, one that is stopped, and what breaks off.
pub(super) fn tcp_streams() -> Vec<Vec<u8>> {
    let say = |kind: u8, number: u32| [&[kind][..], &number.to_be_bytes()].concat();
    let frame = |len: u32| [say(1, len), say(2, len), vec![7; len as usize]].concat();
    let two_pieces = [say(1, 4), say(2, 1), vec![7], say(9, 0), say(2, 3), vec![7; 3]].concat();
    let clean = [frame(300), say(1, 0), two_pieces.clone(), say(3, 0), say(8, 0)].concat();
    let reset = [frame(3), say(1, 9), say(5, 3), say(8, 0)].concat();
    let stop = [frame(3), say(6, 2), say(7, 1000), say(3, 0), say(8, 0)].concat();
    [
        [clean.clone(), clean].concat(),
        reset,
        stop,
        two_pieces[..16].to_vec(),
    ]
    .map(|said| [vec![3], said].concat())
    .to_vec()
}

fn row(key: &str, value: Option<&str>) -> Row {
    Row {
        key: Bytes::copy_from_slice(key.as_bytes()),
        timestamp: Timestamp {
            time: 5,
            node: 2,
            start: 1,
        },
        value: value.map(|value| Bytes::copy_from_slice(value.as_bytes())),
    }
}

pub(super) fn rows() -> Vec<u8> {
    let rows = [row("a", Some("value")), row("b", None), row("k", Some(""))];
    encode_rows(&rows).unwrap_or_default().to_vec()
}

/// What a replica has of no more than the keys that are asked for.
fn row_of_k() -> Vec<u8> {
    encode_rows(&[row("k", Some("value"))])
        .unwrap_or_default()
        .to_vec()
}

fn tombstones() -> Vec<u8> {
    let rows = [row("a", None), row("b", None)];
    encode_rows(&rows).unwrap_or_default().to_vec()
}

pub(super) fn stored_values() -> Vec<Vec<u8>> {
    let stored = |row: &Row| {
        let stored = StoredValue {
            timestamp: row.timestamp,
            value: row.value.as_deref(),
        };
        stored.encode().to_vec()
    };
    vec![stored(&row("k", Some("value"))), stored(&row("k", None))]
}

pub(super) fn records() -> Vec<Vec<u8>> {
    let mut key = b"p".to_vec();
    key.extend(7_u64.to_be_bytes());
    key.extend(5_u128.to_be_bytes());
    let area = key.clone();
    key.extend(2_u64.to_be_bytes());
    let names = [&b"t.7"[..], b"s.7.00000000000000000000000000000005"];
    [vec![area, key], names.map(<[u8]>::to_vec).to_vec()].concat()
}

/// The length of a header, the header, a body.
fn message(header: &[u8], body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(header.len()).unwrap_or_default();
    [&len.to_le_bytes()[..], header, body].concat()
}

/// A vote: term, node, not committed.
const VOTE: [u8; 3] = [4, 2, 0];
/// A position: term, index.
const LOG_ID: [u8; 2] = [4, 9];
/// A proposal: its number, and changes: a node is added, a table made of one tablet on it, balancing switched off.
const PROPOSAL: &[u8] = b"\x07\x03\x00\x02\x02\x01t\x01\x01\x02\x08\x00";

pub(super) fn raft_messages() -> Vec<Vec<u8>> {
    let some = [&[1][..], &LOG_ID].concat();
    let entry = entries()[1].clone();
    let entries = [&(entry.len() as u32).to_le_bytes()[..], &entry].concat();
    // Of disk 9.
    let of_disk = |log: u8| [0, 9, log];
    vec![
        message(&[&of_disk(0)[..], &VOTE, &some, &[0]].concat(), &entries),
        message(&[&of_disk(1)[..], &VOTE, &some, &[0]].concat(), &[]),
        message(&[&of_disk(3)[..], &VOTE].concat(), b"a snapshot"),
        message(&[&of_disk(4)[..], &VOTE, &[3], &some].concat(), &[]),
        message(&[1], &[]),
        message(&[2, 200], PROPOSAL),
        message(&[3], &[]),
        message(&[4, 0, 3, 200], &[]),
        // Replies.
        message(&[&[4][..], &VOTE, &[1], &some].concat(), &[]),
        message(&[7], &[9, 1, 0]),
        message(&[10, 1, 3], &[]),
        message(b"\x0d\x02no", &[]),
        message(&[14, 9, 1], &[]),
    ]
}

/// Nothing, a proposal, and a membership of two.
fn entries() -> [Vec<u8>; 3] {
    [
        [&LOG_ID[..], &[0]].concat(),
        [&LOG_ID[..], &[1], PROPOSAL].concat(),
        [&LOG_ID[..], b"\x02\x01\x02\x01\x02\x02\x01\x09\x02\x09"].concat(),
    ]
}

pub(super) fn raft_records() -> Vec<Vec<u8>> {
    let answer = b"\x09\x03\x00\x01\x01\x02\x05".to_vec();
    [
        entries().to_vec(),
        vec![answer, VOTE.to_vec(), [&[1][..], &LOG_ID].concat()],
    ]
    .concat()
}

pub(super) fn kv_requests() -> Vec<Vec<u8>> {
    let shown = with_transitions();
    let small = |number: u64| u8::try_from(number).unwrap_or_default();
    let (tablet, epoch) = (small(shown.tablets[0].as_u64()), small(epoch(&shown, 0)));
    let keys = b"\x02\x00\x00\x00\x01\x00\x00\x00k\x04\x00\x00\x00gone";
    let written = Row {
        key: shown.key(),
        ..row("", Some("value"))
    };
    let write = encode_rows(&[written]).unwrap_or_default();
    let mut tombstones = vec![3, small(shown.tablets[2].as_u64()), 254];
    tombstones.extend(shown.filled().session.as_u128().to_le_bytes());
    // The floor takes four bytes.
    tombstones.push(252);
    tombstones.extend((1_u32 << 20).to_le_bytes());
    vec![
        message(&[0, tablet, epoch], keys),
        message(&[1, tablet, epoch], keys),
        message(&[2, tablet, epoch], &write),
        message(&[&tombstones[..], &[1]].concat(), b""),
        message(&[&tombstones[..], &[0]].concat(), b"a"),
    ]
}

pub(super) fn kv_answers() -> Vec<Vec<u8>> {
    let timestamp = [&[1][..], &[0; 24]].concat();
    vec![
        message(&[0, 9], &row_of_k()),
        message(&[0, 9], &0_u32.to_le_bytes()),
        message(&[0, 9], &tombstones()),
        message(&[1, 9], &[0]),
        message(&[1, 9], &timestamp),
        message(&[2, 9], b""),
        message(&[3, 9], b""),
        message(&[4], b""),
        message(&[9], b"why"),
    ]
}

fn receipt() -> Receipt {
    Receipt {
        batches: 1,
        rows: 3,
        bytes: 300,
        digest: u32::MAX,
    }
}

pub(super) fn frames() -> Vec<Vec<u8>> {
    let opening = Opening {
        unit: UnitId::new(1),
        frozen: frozen(),
        resume: Some(Position(Bytes::from_static(b"a"))),
    };
    let batch = Batch {
        payload: Bytes::from(rows()),
        rows: 3,
        last: Position(Bytes::from_static(b"k")),
    };
    let batch = frames::batch(0, &batch, &mut Receipt::default()).map(|parts| parts.concat().into());
    let made = [
        frames::opening(&opening),
        frames::accepted(),
        frames::refused(Refusal::Busy),
        batch,
        frames::source_waiting(),
        frames::end(receipt()),
        frames::puller_waiting(),
        frames::receipt_accepted(receipt()),
    ];
    made.into_iter()
        .flatten()
        .map(|frame: Bytes| frame.to_vec())
        .collect()
}

/// Headers, each behind its length, without a checksum.
pub(super) fn headers() -> Vec<Vec<u8>> {
    let headers = [
        &b"\x01\x01\x05\x01\x01\x01a"[..],
        b"\x00",
        b"\x01\x05",
        b"\x03",
        b"\x04\x01\x03\x10\x07",
        b"\x01\x01\x03\x10\x07",
    ];
    let mut made: Vec<Vec<u8>> = headers
        .iter()
        .map(|header| [&[header.len() as u8][..], header].concat())
        .collect();
    // A batch: its sequence, rows, bytes, and last key.
    let rows = rows();
    let header = [2, 0, 3, rows.len() as u8, 1, b'k'];
    made.push([&[header.len() as u8][..], &header, &rows].concat());
    made
}
