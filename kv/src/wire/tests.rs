//! What the wire codec must do with any bytes.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

fn keys() -> impl Strategy<Value = Vec<Bytes>> {
    vec(vec(any::<u8>(), 0..20).prop_map(Bytes::from), 0..10)
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    any::<(u64, u64, u64)>().prop_map(|(time, node, start)| Timestamp { time, node, start })
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (any::<Vec<u8>>(), timestamp(), any::<Option<Vec<u8>>>());
    vec(
        row.prop_map(|(key, timestamp, value)| Row {
            key: key.into(),
            timestamp,
            value: value.map(Bytes::from),
        }),
        0..6,
    )
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        (any::<u64>(), rows()).prop_map(|(clock, rows)| Answer::Rows { clock, rows }),
        (any::<u64>(), vec(option::of(timestamp()), 0..10))
            .prop_map(|(clock, latest)| Answer::Latest { clock, latest }),
        any::<u64>().prop_map(|clock| Answer::Written { clock }),
        any::<u64>().prop_map(|wanted| Answer::Refused(Refusal::Stale {
            wanted: Epoch::new(wanted)
        })),
        "\\PC{0,100}".prop_map(|text| Answer::Refused(Refusal::Failed(text))),
        Just(Answer::Refused(Refusal::NotReplica)),
        Just(Answer::Refused(Refusal::Behind)),
        Just(Answer::Refused(Refusal::NotRunning)),
        Just(Answer::Refused(Refusal::NotPurging)),
        Just(Answer::Refused(Refusal::DiskFull)),
    ]
}

proptest! {
    #[test]
    fn questions_about_keys_come_back(tablet: u64, epoch: u64, keys in keys()) {
        let (tablet, epoch) = (TabletId::new(tablet), Epoch::new(epoch));
        let read = encode_keys_request(true, (tablet, epoch), keys.iter()).unwrap();
        let expected = Request::Read { tablet, epoch, keys: keys.clone() };
        prop_assert_eq!(Request::decode(&read, usize::MAX), Ok(expected));
        let latest = encode_keys_request(false, (tablet, epoch), keys.iter()).unwrap();
        prop_assert_eq!(Request::decode(&latest, usize::MAX), Ok(Request::Latest { tablet, epoch, keys }));
    }

    #[test]
    fn writes_come_back(tablet: u64, epoch: u64, rows in rows()) {
        let (tablet, epoch) = (TabletId::new(tablet), Epoch::new(epoch));
        let message = encode_write((tablet, epoch), rows.iter().map(RowRef::from)).unwrap();
        prop_assert_eq!(Request::decode(&message, usize::MAX), Ok(Request::Write { tablet, epoch, rows }));
    }

    #[test]
    fn questions_for_tombstones_come_back(tablet: u64, session in 1u128.., floor: u64, after: Option<Vec<u8>>) {
        let (tablet, after) = (TabletId::new(tablet), after.map(Bytes::from));
        let session = SessionId::from_u128(session).unwrap();
        let message = encode_tombstones(tablet, session, floor, after.as_ref());
        prop_assert_eq!(Request::decode(&message, usize::MAX), Ok(Request::Tombstones { tablet, session, floor, after }));
    }

    #[test]
    fn answers_come_back(answer in answer()) {
        prop_assert_eq!(Answer::decode(&answer.encode().unwrap(), usize::MAX), Ok(answer));
    }

    #[test]
    fn a_cut_answer_is_never_taken_for_a_whole_one(answer in answer(), at: prop::sample::Index) {
        let message = answer.encode().unwrap();
        let cut = message.slice(..at.index(message.len()));
        // A list of timestamps is as long as it is, and a text too; who asked knows how many timestamps there are.
        match (Answer::decode(&cut, usize::MAX), answer) {
            (Ok(Answer::Latest { latest: short, .. }), Answer::Latest { latest, .. }) => {
                prop_assert!(short.len() < latest.len());
            }
            (Ok(Answer::Refused(Refusal::Failed(_))), Answer::Refused(Refusal::Failed(_))) | (Err(_), _) => {}
            (wrong, _) => prop_assert!(false, "{:?}", wrong),
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, header in 0u16..6) {
        let mut framed = header.to_le_bytes().to_vec();
        framed.extend_from_slice(&bytes);
        for message in [Bytes::from(bytes), Bytes::from(framed)] {
            let _ = Request::decode(&message, usize::MAX);
            let _ = Answer::decode(&message, usize::MAX);
        }
    }
}

#[test]
fn the_nil_session_is_refused() {
    let header = RequestHeader::Tombstones {
        tablet: 1,
        session: 0,
        floor: 0,
        from_start: true,
    };
    assert_eq!(
        Request::decode(&join(&header, 0).freeze(), usize::MAX),
        Err(WireError::Header)
    );
}

#[test]
fn the_longest_header_fits() {
    let header = RequestHeader::Tombstones {
        tablet: u64::MAX,
        session: u128::MAX,
        floor: u64::MAX,
        from_start: false,
    };
    let (decoded, body) = split::<RequestHeader>(&join(&header, 0).freeze()).unwrap();
    assert_eq!((decoded, body.len()), (header, 0));
}

#[test]
fn a_count_that_nothing_backs_costs_nothing() {
    let mut message = join(&RequestHeader::Read { tablet: 1, epoch: 1 }, 4);
    message.put_u32_le(u32::MAX);
    assert_eq!(
        Request::decode(&message.freeze(), usize::MAX),
        Err(DecodeError::Truncated.into())
    );
}

#[test]
fn more_than_was_asked_for_is_refused() {
    let key = Bytes::from_static(b"k");
    let keys = [key.clone(), key.clone(), key.clone()];
    let place = (TabletId::new(1), Epoch::new(1));
    let too_many = Err(DecodeError::TooMany { count: 3, max: 2 }.into());
    let read = encode_keys_request(true, place, keys.iter()).unwrap();
    assert_eq!(Request::decode(&read, 2), too_many);
    let row = Row {
        key,
        timestamp: Timestamp::default(),
        value: None,
    };
    let rows = vec![row; 3];
    let write = encode_write(place, rows.iter().map(RowRef::from)).unwrap();
    assert_eq!(Request::decode(&write, 2), too_many);
    let answers = [
        Answer::Rows { clock: 1, rows },
        Answer::Latest {
            clock: 1,
            latest: vec![None; 3],
        },
    ];
    for answer in answers {
        let message = answer.encode().unwrap();
        assert_eq!(
            Answer::decode(&message, 2),
            Err(DecodeError::TooMany { count: 3, max: 2 }.into())
        );
        assert_eq!(Answer::decode(&message, 3), Ok(answer));
    }
}
