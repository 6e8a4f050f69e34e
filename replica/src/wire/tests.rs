//! Frames there and back, and frames that are none.

use proptest::prelude::*;

use super::*;

fn operation() -> Operation {
    let tablet = TabletId::new(7);
    Operation {
        kind: OperationKind::Fill,
        tablet,
        frozen: FrozenGuard {
            session: tablet.session_at(Epoch::new(9)),
            epoch: 9,
        },
        min_version: Version::new(11),
        deadline: Duration::from_millis(1500),
    }
}

#[test]
fn requests_come_back_as_they_were() {
    let barrier = BarrierRequest {
        tablets: vec![
            (TabletId::new(1), Epoch::new(2)),
            (TabletId::new(u64::MAX), Epoch::MAX),
        ],
        min_version: Version::new(3),
        deadline: Duration::from_secs(4),
    };
    for request in [Request::Barrier(barrier), Request::Operate(operation())] {
        assert_eq!(
            decode_request(&encode_request(&request).unwrap()).unwrap(),
            request
        );
    }
}

#[test]
fn answers_come_back_as_they_were() {
    let results = [
        Ok(()),
        Err(BarrierError::Behind {
            applied: Version::new(1),
        }),
        Err(BarrierError::Held {
            holders: vec!["a".to_owned(), "b".to_owned()],
        }),
        Err(BarrierError::Superseded {
            actual: Epoch::new(5),
        }),
        Err(BarrierError::Failed("why".to_owned())),
    ];
    let replies: Vec<_> = results.into_iter().map(reply).collect();
    let frames = encode_barrier(&replies).unwrap();
    assert_eq!(frames.len(), 1);
    assert_eq!(decode_barrier(&frames[0]).unwrap(), replies);
    let results = [
        Ok(()),
        Err(OperationError::Running),
        Err(OperationError::Rejected(Rejected::NotYetOpen { applied: 3 })),
        Err(OperationError::Rejected(Rejected::Closing)),
        Err(OperationError::Rejected(Rejected::Closed)),
        Err(OperationError::Failed("why".to_owned())),
        Err(OperationError::Hopeless("why".to_owned())),
        Err(OperationError::NotReady),
    ];
    for result in results {
        assert_eq!(
            decode_operation(&encode_operation(&result).unwrap()).unwrap(),
            result
        );
    }
}

fn reply(result: Result<(), BarrierError>) -> BarrierReply {
    BarrierReply {
        tablet: TabletId::new(1),
        epoch: Epoch::new(2),
        result,
    }
}

#[test]
fn answers_that_are_too_many_or_too_long_for_a_frame_come_in_several() {
    let done: Vec<_> = (0..4096).map(|_| reply(Ok(()))).collect();
    let long = vec!["a holder".repeat(25); 8];
    let held = |_| {
        reply(Err(BarrierError::Held {
            holders: long.clone(),
        }))
    };
    let held: Vec<_> = (0..1024).map(held).collect();
    for replies in [done, held] {
        let frames = encode_barrier(&replies).unwrap();
        assert!(frames.len() > 1 && frames.iter().all(|frame| frame.len() < LIMIT / 2));
        let decoded: Vec<_> = frames
            .iter()
            .flat_map(|frame| decode_barrier(frame).unwrap())
            .collect();
        assert_eq!(decoded, replies);
    }
    assert_eq!(encode_barrier(&[]).unwrap(), Vec::<Bytes>::new());
    assert!(
        decode_barrier(&0_u64.to_le_bytes()).is_err(),
        "an answer of nothing"
    );
}

#[test]
fn a_nil_session_is_an_error_and_no_default() {
    let frame = encode_request(&Request::Operate(operation())).unwrap();
    let session = operation().frozen.session.as_u128().to_le_bytes();
    let at = frame.windows(16).position(|bytes| bytes == session).unwrap();
    let mut nil = frame.to_vec();
    nil[at..at + 16].fill(0);
    assert!(decode_request(&nil).is_err());
}

#[test]
fn a_count_that_promises_too_much_allocates_nothing() {
    // A barrier of u64::MAX tablets.
    let mut frame = vec![0; 4];
    frame.extend_from_slice(&u64::MAX.to_le_bytes());
    assert!(decode_request(&frame).is_err());
}

proptest! {
    #[test]
    fn whatever_comes_is_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _ = decode_request(&bytes);
        let _ = decode_barrier(&bytes);
        let _ = decode_operation(&bytes);
    }

    #[test]
    fn bytes_after_the_end_are_refused(more in 1_usize..8) {
        let mut frame = encode_request(&Request::Operate(operation())).unwrap().to_vec();
        frame.extend(std::iter::repeat_n(0, more));
        prop_assert!(decode_request(&frame).is_err());
    }
}
