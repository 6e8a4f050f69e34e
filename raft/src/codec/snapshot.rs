//! A snapshot: what it covers, then a record for each thing there is, then how many there were.
//!
//! A table's list of tablets is not written: the tablets name their table, and their ranges give the order.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use tidegate_tablets::{LogState, Metadata, RequestId, Table, TableId, TabletId, Token, Version};
use tokio::task::yield_now;

use super::CodecError;
use super::answer::AnswerFrame;
use super::member::MemberFrame;
use super::permits::PermitsFrame;
use super::records::{LogIdFrame, StoredMembershipFrame};
use super::tablet::TabletFrame;
use crate::types::RaftSnapshotMeta;

const MALFORMED: CodecError = CodecError::Malformed("a snapshot");

/// Records encoded before others get their turn.
const RECORDS_PER_TURN: u64 = 1024;

#[derive(Debug, Encode, Decode)]
enum Record {
    Meta {
        last_log_id: Option<LogIdFrame>,
        membership: StoredMembershipFrame,
    },
    Head {
        version: u64,
        balancing: bool,
        permits: PermitsFrame,
        next_table: u64,
        next_tablet: u64,
    },
    Member(MemberFrame),
    Table {
        id: u64,
        name: String,
    },
    Tablet(TabletFrame),
    Answer {
        request: u128,
        answer: AnswerFrame,
    },
    End {
        records: u64,
    },
}

/// Encodes a state, and lets others run in between.
///
/// # Cancel safety
///
/// Safe: nothing else is touched.
pub(crate) async fn encode(meta: &RaftSnapshotMeta, state: &LogState) -> Result<Bytes, CodecError> {
    let metadata = state.metadata();
    let head = [
        Record::Meta {
            last_log_id: meta.last_log_id.as_ref().map(LogIdFrame::new),
            membership: StoredMembershipFrame::new(&meta.last_membership),
        },
        Record::Head {
            version: metadata.version.as_u64(),
            balancing: metadata.balancing,
            permits: PermitsFrame::new(metadata.permits),
            next_table: metadata.next_table,
            next_tablet: metadata.next_tablet,
        },
    ];
    let nodes = metadata
        .nodes
        .iter()
        .map(|(id, info)| Record::Member(MemberFrame::new(*id, info)));
    let tables = metadata.tables.iter().map(|(id, table)| Record::Table {
        id: id.as_u64(),
        name: table.name.clone(),
    });
    let tablets = metadata
        .tablets
        .iter()
        .map(|(id, tablet)| Record::Tablet(TabletFrame::new(*id, tablet)));
    let answers = state.answers().map(|(request, answer)| Record::Answer {
        request: request.0,
        answer: AnswerFrame::new(answer),
    });
    let (mut bytes, mut records) = (BytesMut::new(), 0);
    for record in head
        .into_iter()
        .chain(nodes)
        .chain(tables)
        .chain(tablets)
        .chain(answers)
    {
        push(&mut bytes, record)?;
        records += 1;
        if records % RECORDS_PER_TURN == 0 {
            yield_now().await;
        }
    }
    push(&mut bytes, Record::End { records })?;
    Ok(bytes.freeze())
}

/// What a snapshot covers: its first record.
pub(crate) fn decode_meta(mut bytes: &[u8]) -> Result<RaftSnapshotMeta, CodecError> {
    match pull(&mut bytes)? {
        Record::Meta {
            last_log_id,
            membership,
        } => Ok(RaftSnapshotMeta {
            last_log_id: last_log_id.map(LogIdFrame::open),
            last_membership: membership.open()?,
        }),
        _ => Err(MALFORMED),
    }
}

/// The state in a snapshot; whole, or an error.
pub(crate) fn decode(mut bytes: &[u8], answers_max: usize) -> Result<LogState, CodecError> {
    let mut metadata = Metadata::default();
    let mut order: BTreeMap<TableId, Vec<(Token, TabletId)>> = BTreeMap::new();
    let mut answers = Vec::new();
    for read in 0_u64.. {
        match pull(&mut bytes)? {
            Record::Meta { .. } if read == 0 => {}
            Record::Head {
                version,
                balancing,
                permits,
                next_table,
                next_tablet,
            } if read == 1 => {
                metadata.version = Version::new(version);
                metadata.balancing = balancing;
                metadata.permits = permits.open();
                metadata.next_table = next_table;
                metadata.next_tablet = next_tablet;
            }
            Record::Member(frame) if read > 1 => {
                let (id, info) = frame.open();
                metadata.nodes.insert_mut(id, info);
            }
            Record::Table { id, name } if read > 1 => {
                let tablets = Vec::new();
                metadata
                    .tables
                    .insert_mut(TableId::new(id), Table { name, tablets });
            }
            Record::Tablet(frame) if read > 1 => {
                let (id, tablet) = frame.open()?;
                order
                    .entry(tablet.table)
                    .or_default()
                    .push((tablet.range.first, id));
                metadata.tablets.insert_mut(id, tablet);
            }
            Record::Answer { request, answer } if read > 1 => {
                answers.push((RequestId(request), answer.open()?));
            }
            Record::End { records } if read > 1 && records == read && bytes.is_empty() => break,
            _ => return Err(MALFORMED),
        }
    }
    for (id, mut tablets) in order {
        tablets.sort_unstable();
        let table = metadata.tables.get(&id).ok_or(MALFORMED)?;
        let table = Table {
            name: table.name.clone(),
            tablets: tablets.into_iter().map(|(_, tablet)| tablet).collect(),
        };
        metadata.tables.insert_mut(id, table);
    }
    metadata.index();
    let mut state = LogState::new(metadata, answers_max);
    for (request, answer) in answers {
        state.remember(request, answer);
    }
    Ok(state)
}

fn push(bytes: &mut BytesMut, record: Record) -> Result<(), CodecError> {
    let frame = super::encode(record)?;
    let len = u32::try_from(frame.len()).map_err(|_| CodecError::Unknown("a record of that length"))?;
    bytes.put_u32_le(len);
    bytes.put_slice(&frame);
    Ok(())
}

fn pull(bytes: &mut &[u8]) -> Result<Record, CodecError> {
    let len = bytes.try_get_u32_le().map_err(|_| MALFORMED)? as usize;
    let (frame, rest) = bytes.split_at_checked(len).ok_or(MALFORMED)?;
    *bytes = rest;
    super::decode("a record of a snapshot", frame)
}
