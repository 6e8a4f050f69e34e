//! What lies on disk beside the rows.

use tidegate_engine_fjall::decoders;

use super::same_again;

pub(crate) fn records(input: &[u8]) {
    same_again(input.to_vec(), |key| decoders::record_key(key), Clone::clone);
    if let Ok(name) = str::from_utf8(input) {
        same_again(name.to_owned(), |name| decoders::keyspace(name), Clone::clone);
    }
}
