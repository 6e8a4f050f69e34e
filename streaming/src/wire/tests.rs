//! Frames come back as they were; nothing else is taken for one.

use proptest::collection::vec;
use proptest::prelude::*;
use tidegate_guard::Rejected;

use super::*;

const MAX: usize = 4096;

fn batch(payload: &[u8], rows: u32, last: &[u8]) -> Batch {
    Batch {
        payload: Bytes::copy_from_slice(payload),
        rows,
        last: Position(Bytes::copy_from_slice(last)),
    }
}

fn batch_frame(sequence: u64, batch: &Batch) -> Bytes {
    let (header, _) = encode_batch(sequence, batch, &mut BytesMut::new()).unwrap();
    [header.as_ref(), batch.payload.as_ref()].concat().into()
}

fn opening(resume: Option<&[u8]>) -> Opening {
    Opening {
        unit: UnitId::new(u64::MAX),
        frozen: FrozenGuard {
            session: SessionId::from_u128(u128::MAX).unwrap(),
            epoch: 3,
        },
        resume: resume.map(|key| Position(Bytes::copy_from_slice(key))),
    }
}

/// All decoders; none may panic, whatever they are given.
fn decode_all(frame: &Bytes) -> [bool; 3] {
    [
        decode_opening(frame).is_ok(),
        decode_from_source(frame, MAX).is_ok(),
        decode_from_puller(frame).is_ok(),
    ]
}

proptest! {
    #[test]
    fn an_opening_comes_back(unit: u64, session in 1_u128.., epoch: u64, resume in proptest::option::of(vec(any::<u8>(), 0..64))) {
        let opening = Opening {
            unit: UnitId::new(unit),
            frozen: FrozenGuard { session: SessionId::from_u128(session).unwrap(), epoch },
            resume: resume.map(|key| Position(key.into())),
        };
        prop_assert_eq!(decode_opening(&encode_opening(&opening).unwrap()), Ok(opening));
    }

    #[test]
    fn a_batch_comes_back(sequence: u64, payload in vec(any::<u8>(), 0..512), rows in 1_u32.., last in vec(any::<u8>(), 0..64)) {
        let sent = batch(&payload, rows, &last);
        let crc = PayloadCrc::of(&payload);
        let decoded = decode_from_source(&batch_frame(sequence, &sent), MAX);
        prop_assert_eq!(decoded, Ok(FromSource::Batch { sequence, batch: sent, crc }));
    }

    #[test]
    fn wherever_a_frame_is_cut_it_is_the_same_batch(payload in vec(any::<u8>(), 0..64), cuts in vec(any::<prop::sample::Index>(), 0..4)) {
        let sent = batch(&payload, 1, b"key");
        let frame = batch_frame(7, &sent);
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(frame.len())).collect();
        at.extend([0, frame.len()]);
        at.sort_unstable();
        let parts: Vec<Bytes> = at.windows(2).map(|ends| frame.slice(ends[0]..ends[1])).collect();
        prop_assert_eq!(decode_from_source_parts(&parts, MAX), decode_from_source(&frame, MAX));
    }

    #[test]
    fn anything_is_decoded_or_refused(frame in vec(any::<u8>(), 0..256)) {
        decode_all(&frame.into());
    }

    #[test]
    fn a_changed_frame_is_refused(at: prop::sample::Index, bit in 0_u8..8, which in 0_usize..3) {
        let frames = [
            encode_opening(&opening(Some(b"key"))).unwrap(),
            batch_frame(4, &batch(b"some rows", 2, b"key")),
            encode_end(Receipt { batches: 3, rows: 300, bytes: 70_000, digest: 9 }).unwrap(),
        ];
        let mut frame = frames[which].to_vec();
        let at = at.index(frame.len());
        frame[at] ^= 1 << bit;
        prop_assert_eq!(decode_all(&frame.into()), [false; 3]);
    }

    #[test]
    fn a_frame_cut_short_or_lengthened_is_refused(cut: prop::sample::Index, tail in 1_usize..9) {
        for frame in [encode_opening(&opening(Some(b"key"))).unwrap(), batch_frame(4, &batch(b"some rows", 2, b"key"))] {
            let longer = [&frame[..], &vec![0; tail]].concat();
            prop_assert_eq!(decode_all(&longer.into()), [false; 3]);
            prop_assert_eq!(decode_all(&frame.slice(..cut.index(frame.len()))), [false; 3]);
        }
    }
}

#[test]
fn refusals_and_receipts_come_back() {
    for refusal in [
        Refusal::Rejected(Rejected::NotYetOpen { applied: u64::MAX }),
        Refusal::Rejected(Rejected::Closing),
        Refusal::Rejected(Rejected::Closed),
        Refusal::NotSource,
        Refusal::NotMember,
        Refusal::Busy,
        Refusal::NotReady,
    ] {
        assert_eq!(
            decode_from_source(&encode_refused(refusal).unwrap(), MAX),
            Ok(FromSource::Refused(refusal))
        );
    }
    let receipt = Receipt {
        batches: u64::MAX,
        rows: 1,
        bytes: 0,
        digest: u32::MAX,
    };
    assert_eq!(
        decode_from_source(&encode_end(receipt).unwrap(), MAX),
        Ok(FromSource::End(receipt))
    );
    let accepted = encode_receipt_accepted(receipt).unwrap();
    assert_eq!(
        decode_from_puller(&accepted),
        Ok(FromPuller::ReceiptAccepted(receipt))
    );
    assert_eq!(
        decode_from_source(&encode_accepted().unwrap(), MAX),
        Ok(FromSource::Accepted)
    );
    assert_eq!(
        decode_from_source(&encode_source_waiting().unwrap(), MAX),
        Ok(FromSource::Waiting)
    );
    assert_eq!(
        decode_from_puller(&encode_puller_waiting().unwrap()),
        Ok(FromPuller::Waiting)
    );
}

#[test]
fn a_payload_is_not_copied() {
    let frame = batch_frame(0, &batch(&[9; 1000], 1, b"k"));
    let Ok(FromSource::Batch { batch, .. }) = decode_from_source(&frame, MAX) else {
        panic!("no batch")
    };
    assert!(frame.as_ptr_range().contains(&batch.payload.as_ptr()));
}

#[test]
fn nil_names_no_session() {
    let header = OpeningHeader {
        version: WIRE_VERSION,
        unit: 1,
        session: 0,
        epoch: 1,
        resume: None,
    };
    assert_eq!(
        decode_opening(&encode(&header, &PayloadCrc::NONE).unwrap()),
        Err(WireError::NilSession)
    );
}

#[test]
fn another_version_is_named() {
    let header = OpeningHeader {
        version: 7,
        unit: 1,
        session: 1,
        epoch: 1,
        resume: None,
    };
    assert_eq!(
        decode_opening(&encode(&header, &PayloadCrc::NONE).unwrap()),
        Err(WireError::Version(7))
    );
}

#[test]
fn what_is_too_long_is_refused_at_both_ends() {
    let long = vec![1; POSITION_BYTES_MAX + 1];
    assert!(matches!(
        encode_opening(&opening(Some(&long))),
        Err(WireError::TooLarge { .. })
    ));
    assert!(matches!(
        encode_batch(0, &batch(b"x", 1, &long), &mut BytesMut::new()),
        Err(WireError::TooLarge { .. })
    ));
    let header = OpeningHeader {
        version: WIRE_VERSION,
        unit: 1,
        session: 1,
        epoch: 1,
        resume: Some(&long),
    };
    assert!(decode_opening(&encode(&header, &PayloadCrc::NONE).unwrap()).is_err());
    let longest = vec![1; POSITION_BYTES_MAX];
    assert!(decode_opening(&encode_opening(&opening(Some(&longest))).unwrap()).is_ok());
    let frame = batch_frame(0, &batch(&vec![0; MAX + 1], 1, b"k"));
    assert!(matches!(
        decode_from_source(&frame, MAX),
        Err(WireError::TooLarge { .. })
    ));
}

#[test]
fn a_batch_without_rows_is_refused_at_both_ends() {
    assert_eq!(
        encode_batch(0, &batch(b"x", 0, b"k"), &mut BytesMut::new()),
        Err(WireError::NoRows)
    );
    let header = SourceHeader::Batch {
        sequence: 0,
        rows: 0,
        payload_len: 0,
        last: b"k",
    };
    assert_eq!(
        decode_from_source(&encode(&header, &PayloadCrc::NONE).unwrap(), MAX),
        Err(WireError::NoRows)
    );
}

/// Lengths that would abort the process if anyone reserved so much.
#[test]
fn a_bomb_is_refused() {
    for bomb in [
        &[1, 1, 1, 1, 1, 253, 255, 255, 255, 255, 255, 255, 255, 127][..],
        &[2, 0, 1, 1, 253, 255, 255, 255, 255, 255, 255, 255, 127],
        &[255; 32],
    ] {
        assert_eq!(decode_all(&Bytes::copy_from_slice(bomb)), [false; 3]);
    }
}
