//! The form of what is asked and told.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::rows::{KeysPage, RangeAsk, RangeDigest, RowSeen};
use super::{Key, NodeReport};
use crate::api;

/// Bytes in the longest request.
pub(super) const ASK_BYTES_MAX: usize = 512 << 10;

/// Bytes in a frame of an answer, so that it fits into any transport's.
const FRAME_BYTES: usize = 256 << 10;

/// Bytes in the longest answer.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// What one node asks of another.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub(crate) enum Ask {
    /// All that it has at hand about itself.
    Report,
    /// What it holds: of every tablet, as known; or of one, looked at anew.
    Load { tablet: Option<u64> },
    /// A digest of a range of a tablet's rows.
    Range(RangeAsk),
    /// The keys of a range, with what tells their rows apart.
    Keys(RangeAsk),
    /// The same of some keys.
    Seen { tablet: u64, keys: Vec<Key> },
    /// Sets limits on bytes, and tells the limits.
    Throttle(ThrottleAsk),
    /// What became of moves.
    Journal(JournalAsk),
}

/// Limits to set; what is `None` stays.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct ThrottleAsk {
    /// Bytes per second to send; zero takes the limit away.
    pub(crate) send: Option<u64>,
    /// Bytes per second to receive; zero takes the limit away.
    pub(crate) receive: Option<u64>,
}

/// Which part of the journal.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct JournalAsk {
    /// Of one tablet, or of all.
    pub(crate) tablet: Option<u64>,
    /// Moves and entries, each, at most.
    pub(crate) limit: u32,
}

/// What a node tells.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "told", content = "what", rename_all = "snake_case")]
pub(crate) enum Told {
    Report(Box<NodeReport>),
    Load(Vec<Held>),
    Range(RangeDigest),
    Keys(KeysPage),
    Seen(Vec<Option<RowSeen>>),
    Throttle(api::NodeThrottle),
    Journal(Box<api::Journal>),
    /// It could not do it; says why.
    Failed {
        why: String,
    },
}

/// What a node holds of a tablet, as estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) tablet: u64,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

/// Why a request or an answer makes no sense.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum WireError {
    #[error("longer than {max} bytes")]
    TooLong { max: usize },
    #[error("not understood: {0}")]
    Malformed(#[from] serde_json::Error),
}

pub(super) fn encode(ask: &Ask) -> Result<Bytes, WireError> {
    let written = serde_json::to_vec(ask)?;
    within(written.len(), ASK_BYTES_MAX)?;
    Ok(written.into())
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8], max: usize) -> Result<T, WireError> {
    within(bytes.len(), max)?;
    Ok(serde_json::from_slice(bytes)?)
}

/// An answer, cut into frames.
pub(super) fn frames(told: &Told) -> Result<impl Iterator<Item = Bytes>, WireError> {
    let written = serde_json::to_vec(told)?;
    within(written.len(), ANSWER_BYTES_MAX)?;
    let written = Bytes::from(written);
    let starts = (0..written.len()).step_by(FRAME_BYTES);
    Ok(starts.map(move |at| written.slice(at..written.len().min(at + FRAME_BYTES))))
}

/// The frames of an answer, as they come.
#[derive(Debug, Default)]
pub(super) struct Frames(Vec<u8>);

impl Frames {
    pub(super) fn push(&mut self, frame: &[u8]) -> Result<(), WireError> {
        within(self.0.len() + frame.len(), ANSWER_BYTES_MAX)?;
        self.0.extend_from_slice(frame);
        Ok(())
    }

    pub(super) fn decode(&self) -> Result<Told, WireError> {
        decode(&self.0, ANSWER_BYTES_MAX)
    }
}

fn within(len: usize, max: usize) -> Result<(), WireError> {
    if len <= max {
        Ok(())
    } else {
        Err(WireError::TooLong { max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_out_of_its_frames_as_it_went_in() {
        let held = |tablet| Held {
            tablet,
            rows: u64::MAX,
            bytes: tablet,
        };
        let told = Told::Load((0..20_000).map(held).collect());
        let mut read = Frames::default();
        let mut count = 0;
        for frame in frames(&told).expect("encodes") {
            assert!(frame.len() <= FRAME_BYTES);
            read.push(&frame).expect("in bounds");
            count += 1;
        }
        assert!(count > 1);
        let Told::Load(load) = read.decode().expect("decodes") else {
            panic!("another answer")
        };
        assert_eq!((load.len(), load[7]), (20_000, held(7)));
    }

    #[test]
    fn what_is_too_long_or_no_json_is_refused() {
        let mut read = Frames::default();
        let frame = vec![b' '; ANSWER_BYTES_MAX];
        read.push(&frame).expect("in bounds");
        assert!(matches!(read.push(b" "), Err(WireError::TooLong { .. })));
        assert!(matches!(read.decode(), Err(WireError::Malformed(_))));
        assert!(decode::<Ask>(br#"{"ask":"everything"}"#, ASK_BYTES_MAX).is_err());
        let keys = vec![Key(vec![0; 4096].into()); 100];
        let ask = Ask::Seen { tablet: 1, keys };
        assert!(matches!(encode(&ask), Err(WireError::TooLong { .. })));
    }
}
