//! Bytes in: nothing may panic, and what was read must be the same when it is written and read again.

pub(crate) mod fjall;
pub(crate) mod kv;
pub(crate) mod raft;
pub(crate) mod replica;
pub(crate) mod streaming;
pub(crate) mod transport;

use std::fmt::Debug;

/// Holds a decoder, which gives what it read encoded anew, to reading that as the same.
fn same_again<I, O>(input: I, decode: impl Fn(&I) -> Option<O>, as_input: impl Fn(&O) -> I) -> Option<O>
where
    O: PartialEq + Debug,
{
    let once = decode(&input)?;
    let twice = decode(&as_input(&once));
    assert_eq!(
        twice.as_ref(),
        Some(&once),
        "what was read reads otherwise when it is written"
    );
    Some(once)
}
