//! There and back, and what is none of it.

use std::sync::Arc;

use openraft::entry::RaftEntry as _;
use proptest::prelude::*;
use tidegate_tablets::{
    Accepted, Answer, Change, Epoch, LogState, NodeAddress, NodeId, Outcome, Proposal, Reason, Refused,
    RequestId, Stage, StreamPermits, TableId, TabletId, TransitionKind, Version,
};

use super::log_request::LogRequest;
use super::message::{Message, Reply, Request};
use super::tablet::{TabletFrame, reason_number, reason_of};
use super::{CodecError, answer, change, entry, records, snapshot};
use crate::disk_id::DiskId;
use crate::membership::MembershipChange;
use crate::types::{
    Command, RaftEntry, RaftLogId, RaftMembership, RaftSnapshotMeta, RaftStoredMembership, RaftVote,
};

const T: TabletId = TabletId::new(1);

fn node(number: u64) -> NodeId {
    NodeId::new(number)
}

fn set_address(number: u64) -> Change {
    let address = NodeAddress {
        transport: "öst.example:7400".to_owned(),
        admin: "https://öst.example:7480".to_owned(),
    };
    Change::SetAddress {
        node: node(number),
        address,
    }
}

fn changes() -> Vec<Change> {
    let expected = Epoch::new(9);
    let mut changes = vec![
        Change::AddNode { node: node(u64::MAX) },
        Change::Exclude {
            node: node(3),
            give_up_quorum: true,
        },
        Change::CreateTable {
            name: "ünïcode".to_owned(),
            replicas: vec![[node(1), node(2)].into(), [node(3)].into()],
        },
        Change::DropTable {
            table: TableId::new(4),
        },
        Change::Cancel {
            tablet: T,
            begun: expected,
        },
        Change::AllowFewerSources { tablet: T, expected },
        Change::SetBalancing { on: true },
        Change::SetRack {
            node: node(1),
            rack: Some("öst".to_owned()),
        },
        Change::SetRack {
            node: node(1),
            rack: None,
        },
        set_address(3),
        Change::Drain { node: node(2) },
        Change::Resume { node: node(u64::MAX) },
        Change::Advance {
            tablet: T,
            expected,
            to: None,
        },
    ];
    changes.extend(Stage::ALL.map(|stage| Change::Advance {
        tablet: T,
        expected,
        to: Some(stage),
    }));
    let kinds = [
        TransitionKind::Migration,
        TransitionKind::Rebuild,
        TransitionKind::Purge,
    ];
    for kind in kinds {
        changes.extend(Reason::ALL.map(|reason| Change::Begin {
            tablet: T,
            expected,
            kind,
            leaving: Some(node(1)),
            pending: None,
            purge_floor: 7,
            reason,
        }));
    }
    changes.extend(permits().map(|permits| Change::SetPermits { permits }));
    changes
}

/// Either number set or not, so that none is taken for the other.
fn permits() -> [StreamPermits; 3] {
    [(None, None), (Some(1), None), (Some(2), Some(u32::MAX))]
        .map(|(sends, receives)| StreamPermits { sends, receives })
}

fn outcomes() -> Vec<Outcome> {
    let mut outcomes = vec![
        Ok(Accepted::Done),
        Ok(Accepted::Table(TableId::new(5))),
        Ok(Accepted::Epoch(Epoch::MAX)),
        Err(Refused::Epoch {
            actual: Epoch::new(2),
        }),
        Err(Refused::NoTablet(T)),
        Err(Refused::NoTable(TableId::new(1))),
        Err(Refused::NoNode(node(1))),
        Err(Refused::NodeExists(node(1))),
        Err(Refused::InTransition(T)),
        Err(Refused::NoTransition(T)),
        Err(Refused::Invalid("why".into())),
        Err(Refused::Quorum(T)),
        Err(Refused::BalancingOff),
        Err(Refused::TableExists(TableId::new(1))),
    ];
    outcomes.extend(Stage::ALL.map(|from| Err(Refused::NoEdge { from })));
    outcomes.extend(Stage::ALL.map(|stage| Err(Refused::TooLate { stage })));
    outcomes
}

fn proposal(request: u128, changes: Vec<Change>) -> Proposal {
    Proposal {
        request: RequestId(request),
        changes,
    }
}

fn log_id(term: u64, index: u64) -> RaftLogId {
    RaftLogId {
        leader_id: term.into(),
        index,
    }
}

fn membership() -> RaftMembership {
    let nodes = [1, 2, 3, 4].map(|node| (node, DiskId(u128::MAX - u128::from(node))));
    RaftMembership::new(
        vec![[1, 2, 3].into(), [2, 3].into()],
        std::collections::BTreeMap::from(nodes),
    )
    .expect("a membership")
}

#[test]
fn proposals_and_answers_come_back_as_they_were() {
    let proposal = proposal(u128::MAX, changes());
    assert_eq!(change::decode(&change::encode(&proposal).unwrap()), Ok(proposal));
    let answered = Answer {
        version: Version::new(11),
        outcomes: outcomes(),
    };
    assert_eq!(answer::decode(&answer::encode(&answered).unwrap()), Ok(answered));
}

#[test]
fn entries_votes_and_log_ids_come_back_as_they_were() {
    let entries = vec![
        RaftEntry::new_blank(log_id(1, 0)),
        RaftEntry::new_normal(log_id(1, 1), Command(Arc::new(proposal(3, changes())))),
        RaftEntry::new_membership(log_id(u64::MAX, 2), membership()),
    ];
    let frames = entry::encode_all(&entries).unwrap();
    assert_eq!(entry::decode_all(&frames).unwrap(), entries);
    assert!(entry::decode_all(&frames[..frames.len() - 1]).is_err());
    for vote in [RaftVote::new(3, 4), RaftVote::new_committed(5, 6)] {
        assert_eq!(
            records::decode_vote(&records::encode_vote(&vote).unwrap()),
            Ok(vote)
        );
    }
    for log_id in [None, Some(log_id(7, 8))] {
        let frame = records::encode_log_id(log_id.as_ref()).unwrap();
        assert_eq!(records::decode_log_id(&frame), Ok(log_id));
    }
    let disk = DiskId(u128::MAX);
    assert_eq!(
        records::decode_disk(&records::encode_disk(disk).unwrap()),
        Ok(disk)
    );
}

#[test]
fn messages_come_back_as_they_were() {
    let requests = [
        Request::Propose {
            proposal: proposal(1, changes()),
            deadline: std::time::Duration::from_millis(1500),
        },
        Request::Log {
            disk: DiskId(7),
            request: LogRequest::Snapshot {
                vote: RaftVote::new_committed(1, 2),
                snapshot: "anything".into(),
            },
        },
        Request::Disk,
        Request::Change {
            change: MembershipChange::Promote(node(3)),
            deadline: std::time::Duration::from_secs(1),
        },
        Request::ReadIndex,
    ];
    for request in requests {
        let message = request.encode().unwrap();
        let back = Request::decode(&message).unwrap();
        assert_eq!(format!("{back:?}"), format!("{request:?}"));
        assert_eq!(back.encode().unwrap(), message);
    }
    let reply = Reply::NotLeader {
        leader: Some(node(2)),
    };
    let mut message = reply.encode().unwrap();
    assert!(matches!(
        Reply::decode(&message),
        Ok(Reply::NotLeader { leader }) if leader == Some(node(2))
    ));
    message.body = "too much".into();
    assert!(Reply::decode(&message).is_err());
}

/// A state in which there is something of everything.
fn state() -> LogState {
    let mut state = LogState::new(tidegate_tablets::Metadata::default(), 16);
    let mut decide = |version, changes| {
        let decided = state.decide(Version::new(version), &proposal(version.into(), changes));
        assert!(decided.answer.outcomes.iter().all(Result::is_ok), "{decided:?}");
    };
    let add = (1..=5).map(|number| Change::AddNode { node: node(number) });
    decide(3, add.collect());
    let table = |name: &str, tablets| Change::CreateTable {
        name: name.to_owned(),
        replicas: vec![[node(1), node(2), node(3)].into(); tablets],
    };
    decide(5, vec![table("a", 3), table("b", 2), table("", 1)]);
    decide(
        6,
        vec![Change::DropTable {
            table: TableId::new(1),
        }],
    );
    decide(7, placement());
    let begin = Change::Begin {
        tablet: T,
        expected: Epoch::new(1),
        kind: TransitionKind::Migration,
        leaving: Some(node(1)),
        pending: Some(node(4)),
        purge_floor: 0,
        reason: Reason::Drain,
    };
    let advance = Change::Advance {
        tablet: T,
        expected: Epoch::new(2),
        to: Some(Stage::WriteBothReadOld),
    };
    decide(8, vec![begin, advance]);
    let exclude = Change::Exclude {
        node: node(5),
        give_up_quorum: false,
    };
    decide(9, vec![exclude]);
    state
}

/// What the balancer goes by.
fn placement() -> Vec<Change> {
    let rack = |number, name: &str| Change::SetRack {
        node: node(number),
        rack: Some(name.to_owned()),
    };
    vec![
        Change::SetBalancing { on: true },
        rack(1, "öst"),
        rack(5, "outlives its exclusion"),
        Change::Drain { node: node(1) },
        set_address(2),
        Change::SetPermits {
            permits: StreamPermits {
                sends: None,
                receives: Some(3),
            },
        },
    ]
}

fn meta() -> RaftSnapshotMeta {
    RaftSnapshotMeta {
        last_log_id: Some(log_id(2, 9)),
        last_membership: RaftStoredMembership::new(Some(log_id(1, 0)), membership()),
    }
}

#[tokio::test]
async fn a_snapshot_comes_back_as_it_was() {
    let (meta, state) = (meta(), state());
    let bytes = snapshot::encode(&meta, &state).await.unwrap();
    assert_eq!(snapshot::decode_meta(&bytes).unwrap(), meta);
    let back = snapshot::decode(&bytes, 16).unwrap();
    assert_eq!(back, state);
    let metadata = back.metadata();
    assert_eq!(metadata.tablets_of(node(4)).count(), 1);
    assert_eq!(metadata.permits.receives, Some(3));
    assert!(metadata.nodes[&node(1)].draining);
    let racks = metadata.nodes.values().filter(|info| info.rack.is_some());
    assert_eq!(racks.count(), 2);
    assert!(metadata.nodes[&node(2)].address.is_some());
    let empty = LogState::new(tidegate_tablets::Metadata::default(), 16);
    let bytes = snapshot::encode(&RaftSnapshotMeta::default(), &empty)
        .await
        .unwrap();
    assert_eq!(snapshot::decode(&bytes, 16).unwrap(), empty);
}

#[test]
fn a_transition_keeps_its_reason_and_takes_no_unknown_one() {
    let mut tablet = state().metadata().tablets[&T].clone();
    for reason in Reason::ALL {
        if let Some(transition) = &mut tablet.transition {
            transition.reason = reason;
        }
        let back = TabletFrame::new(T, &tablet).open();
        assert_eq!(back, Ok((T, tablet.clone())));
        assert_eq!(reason_of(reason_number(reason)), Ok(reason));
    }
    assert_eq!(reason_of(4), Err(CodecError::Malformed("a reason")));
}

#[tokio::test]
async fn a_snapshot_is_whole_or_an_error() {
    let bytes = snapshot::encode(&meta(), &state()).await.unwrap();
    for end in 0..bytes.len() {
        assert!(snapshot::decode(&bytes[..end], 16).is_err(), "{end} bytes");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(
        snapshot::decode(&longer, 16),
        Err(CodecError::Malformed("a snapshot"))
    );
}

#[test]
fn a_count_that_promises_too_much_allocates_nothing() {
    // A proposal of u64::MAX changes.
    let mut frame = vec![1];
    frame.push(253);
    frame.extend_from_slice(&u64::MAX.to_le_bytes());
    assert!(change::decode(&frame).is_err());
}

proptest! {
    #[test]
    fn whatever_comes_is_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _ = change::decode(&bytes);
        let _ = answer::decode(&bytes);
        let _ = entry::decode_all(&bytes);
        let _ = records::decode_vote(&bytes);
        let _ = records::decode_log_id(&bytes);
        let _ = snapshot::decode_meta(&bytes);
        let _ = snapshot::decode(&bytes, 4);
        let (header, body) = bytes.split_at(bytes.len() / 2);
        let message = Message { header: header.to_vec().into(), body: body.to_vec().into() };
        let _ = Request::decode(&message);
        let _ = Reply::decode(&message);
    }

    #[test]
    fn bytes_after_the_end_are_refused(more in 1_usize..8) {
        let mut frame = change::encode(&proposal(1, changes())).unwrap().to_vec();
        frame.extend(std::iter::repeat_n(0, more));
        prop_assert!(change::decode(&frame).is_err());
    }
}
