//! The log's service, and what its disk holds.

use bytes::Bytes;
use tidegate_raft::decoders;

use super::same_again;

/// A length, a header of so many bytes, a body.
pub(crate) fn messages(input: &[u8]) {
    let Some((len, rest)) = input.split_first_chunk::<2>() else {
        return;
    };
    let (header, body) = rest.split_at(usize::from(u16::from_le_bytes(*len)).min(rest.len()));
    let message = (Bytes::copy_from_slice(header), Bytes::copy_from_slice(body));
    for decode in [decoders::request, decoders::reply] {
        let decode = |(header, body): &(Bytes, Bytes)| decode(header, body);
        same_again(message.clone(), decode, Clone::clone);
    }
}

pub(crate) fn records(input: &[u8]) {
    let all = [
        decoders::entry,
        decoders::answer,
        decoders::vote,
        decoders::log_id,
    ];
    for decode in all {
        same_again(input.to_vec(), |frame| decode(frame), |frame| frame.to_vec());
    }
    std::hint::black_box(decoders::is_snapshot(input));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fed_first_is_valid() {
        for seed in crate::seeds::of("raft_messages") {
            let len = usize::from(u16::from_le_bytes([seed[0], seed[1]]));
            let (header, body) = (
                Bytes::copy_from_slice(&seed[2..2 + len]),
                seed[2 + len..].to_vec().into(),
            );
            let is_read = decoders::request(&header, &body).or_else(|| decoders::reply(&header, &body));
            assert!(is_read.is_some(), "{seed:?}");
        }
        for seed in crate::seeds::of("raft_records") {
            let is_read = decoders::entry(&seed)
                .or_else(|| decoders::answer(&seed))
                .or_else(|| decoders::vote(&seed))
                .or_else(|| decoders::log_id(&seed));
            assert!(is_read.is_some(), "{seed:?}");
        }
    }
}
