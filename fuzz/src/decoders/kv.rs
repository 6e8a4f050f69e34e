//! Rows, and the messages about them.

use bytes::Bytes;
use tidegate_kv::{StoredValue, decode_rows, decoders, encode_rows, share_rows, token_of};

use super::same_again;

/// Keys and rows that a message may have here.
const ENTRIES_MAX: usize = 1024;

pub(crate) fn messages(input: &[u8]) {
    let message = Bytes::copy_from_slice(input);
    let request = |message: &Bytes| decoders::request(message, ENTRIES_MAX);
    same_again(message.clone(), request, Clone::clone);
    // The text of a failure is cut where it is written, so only what is read then stays the same.
    let answer = |message: &Bytes| decoders::answer(message, ENTRIES_MAX);
    if let Some(answered) = answer(&message) {
        assert!(answer(&answered).is_some(), "an answer that cannot be read again");
    }
}

pub(crate) fn rows(input: &[u8]) {
    let batch = Bytes::copy_from_slice(input);
    let shared = share_rows(&batch);
    let Ok(rows) = decode_rows(input) else {
        assert!(shared.is_err(), "one reader takes what the other refuses");
        return;
    };
    let shared = shared.unwrap_or_default();
    assert_eq!(rows.len(), shared.len());
    for (read, shared) in rows.zip(&shared) {
        assert_eq!(&read.to_row(), shared);
        std::hint::black_box(token_of(read.key));
    }
    let encoded = encode_rows(&shared);
    assert_eq!(encoded.as_deref(), Ok(input), "a batch has one spelling");
}

pub(crate) fn stored_value(input: &[u8]) {
    if let Ok(stored) = StoredValue::decode(input) {
        assert_eq!(&stored.encode()[..], input, "a value has one spelling");
    }
}
