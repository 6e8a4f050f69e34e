//! What the row batch codec must do with any bytes.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        any::<Vec<u8>>(),
        any::<(u64, u64, u64)>(),
        any::<Option<Vec<u8>>>(),
    )
        .prop_map(|(key, (time, node, start), value)| Row {
            key: key.into(),
            timestamp: Timestamp { time, node, start },
            value: value.map(Bytes::from),
        });
    vec(row, 0..20)
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded(rows in rows()) {
        let batch = encode_rows(&rows).unwrap();
        let decoded: Vec<Row> = decode_rows(&batch).unwrap().map(|row| row.to_row()).collect();
        prop_assert_eq!(&decoded, &rows);
        prop_assert_eq!(share_rows(&batch).unwrap(), rows);
    }

    #[test]
    fn every_cut_is_refused(rows in rows(), at: prop::sample::Index) {
        let batch = encode_rows(&rows).unwrap();
        let cut = at.index(batch.len());
        prop_assert_eq!(decode_rows(&batch[..cut]).unwrap_err(), DecodeError::Truncated);
    }

    #[test]
    fn bytes_behind_the_end_are_refused(rows in rows(), behind in vec(any::<u8>(), 1..50)) {
        let mut batch = encode_rows(&rows).unwrap().to_vec();
        batch.extend_from_slice(&behind);
        prop_assert_eq!(decode_rows(&batch).unwrap_err(), DecodeError::Trailing { len: behind.len() });
    }

    #[test]
    fn any_bytes_are_refused_or_mean_themselves(mut bytes: Vec<u8>, count in 0u32..3) {
        if bytes.len() >= 4 {
            bytes[..4].copy_from_slice(&count.to_le_bytes());
        }
        if let Ok(decoded) = decode_rows(&bytes) {
            let rows: Vec<Row> = decoded.map(|row| row.to_row()).collect();
            prop_assert_eq!(&encode_rows(&rows).unwrap()[..], &bytes[..]);
        }
    }
}

#[test]
fn a_count_that_nothing_backs_costs_nothing() {
    let batch = Bytes::from_static(&[0xff, 0xff, 0xff, 0xff]);
    assert_eq!(share_rows(&batch).unwrap_err(), DecodeError::Truncated);
}

#[test]
fn shared_rows_lie_in_the_batch() {
    let row = Row {
        key: "k".into(),
        timestamp: Timestamp::default(),
        value: Some("value".into()),
    };
    let batch = encode_rows([&row]).unwrap();
    let shared = share_rows(&batch).unwrap().remove(0);
    let value = shared.value.unwrap();
    assert!(batch.as_ptr_range().contains(&value.as_ptr()));
}
