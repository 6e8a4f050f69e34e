//! The buffers that a node's frames are put together in, used again; for those who write a transport.
//!
//! The system's allocator maps a long buffer anew each time and takes it back at once: every page of it is cleared and
//! faulted in, which costs as much as a third of the decryption. So long buffers come back here when nobody holds
//! their frame any more, and the one that came back last, which is still in the cache, is the next to be filled.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;

/// Bytes of a frame from which on its buffer is kept: shorter ones the allocator keeps itself.
const LEN_MIN: usize = 32 << 10;

/// Bytes kept, at most.
const KEPT_MAX: usize = 4 << 20;

/// Bytes reserved at once for a frame that is announced and has not come: a length is not believed further. Enough for a
/// batch of 256 KiB and what comes with it; longer ones grow, and find a buffer of their length the next time.
const RESERVE: usize = 320 << 10;

/// Buffers that no frame is in, 4 MiB of them at most. All connections of a node share them: whose turn it is fills what
/// the one before it has just let go of.
#[derive(Debug, Default, Clone)]
pub struct Buffers(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    /// The one that came back last is last.
    buffers: VecDeque<Vec<u8>>,
    bytes: usize,
}

/// A frame's bytes, whose buffer comes back when the last of its handles is dropped.
struct Lent {
    buffer: Vec<u8>,
    kept: Weak<Mutex<Kept>>,
}

impl Buffers {
    /// An empty buffer for a frame of that length: one that is kept, else a new one, for no more than 320 KiB of it.
    #[must_use]
    pub fn begin(&self, len: usize) -> Vec<u8> {
        self.take(len)
            .unwrap_or_else(|| Vec::with_capacity(roomy(len.min(RESERVE))))
    }

    /// Sees to it that there is room in the buffer, of a frame of which so many bytes are still to come: for all of them,
    /// or for as much again as has come of it.
    pub fn grow(buffer: &mut Vec<u8>, missing: usize) {
        let (len, step) = (buffer.len(), buffer.len().max(RESERVE));
        if buffer.capacity() == len {
            buffer.reserve_exact(if missing <= step {
                roomy(len + missing) - len
            } else {
                step
            });
        }
    }

    /// An empty buffer that is kept and fits a frame of that length, if there is one. Never one of more than twice the
    /// length: what frames hold in memory stays in proportion to their bytes.
    fn take(&self, len: usize) -> Option<Vec<u8>> {
        if len < LEN_MIN {
            return None;
        }
        let mut kept = lock(&self.0);
        let fits = |buffer: &Vec<u8>| (len..=2 * len).contains(&buffer.capacity());
        let index = kept.buffers.iter().rposition(fits)?;
        let buffer = kept.buffers.remove(index)?;
        kept.bytes -= buffer.capacity();
        Some(buffer)
    }

    /// The frame in that buffer, which comes back when the last handle to the frame is dropped.
    #[must_use]
    pub fn lend(&self, buffer: Vec<u8>) -> Bytes {
        if buffer.len() < LEN_MIN {
            return buffer.into();
        }
        Bytes::from_owner(Lent {
            buffer,
            kept: Arc::downgrade(&self.0),
        })
    }
}

/// How long to make the buffer of a frame of that length: lengths of one kind differ by a little, and so fit all the same.
fn roomy(len: usize) -> usize {
    if len < LEN_MIN {
        return len;
    }
    len.next_multiple_of(len.next_power_of_two() / 8)
}

impl Kept {
    fn put(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.bytes += buffer.capacity();
        self.buffers.push_back(buffer);
        // The oldest go: sizes that are not asked for any more make room for those that are.
        while self.bytes > KEPT_MAX
            && let Some(oldest) = self.buffers.pop_front()
        {
            self.bytes -= oldest.capacity();
        }
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // Those of a node that is gone go as well.
        if let Some(kept) = self.kept.upgrade() {
            lock(&kept).put(std::mem::take(&mut self.buffer));
        }
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(buffers: &Buffers) -> usize {
        lock(&buffers.0).bytes
    }

    #[test]
    fn a_buffer_comes_back_with_the_last_handle_and_is_used_again() {
        let buffers = Buffers::default();
        assert_eq!(buffers.take(100_000), None);
        let frame = buffers.lend(vec![7; 100_000]);
        let (start, rest) = (frame.as_ptr(), frame.slice(99_999..));
        drop(frame);
        assert_eq!((buffers.take(100_000), &rest[..]), (None, &[7][..]));
        drop(rest);
        let again = buffers.take(60_000).unwrap();
        assert!(again.is_empty() && std::ptr::eq(again.as_ptr(), start));
        assert_eq!(kept(&buffers), 0);
    }

    #[test]
    fn none_is_far_too_long_and_short_ones_are_not_kept() {
        let buffers = Buffers::default();
        drop(buffers.lend(vec![0; 100_000]));
        assert_eq!(buffers.take(49_999), None);
        assert_eq!(buffers.take(100_001), None);
        drop(buffers.lend(vec![0; LEN_MIN - 1]));
        assert_eq!(kept(&buffers), 100_000);
    }

    #[test]
    fn lengths_of_a_kind_fit_each_other() {
        let buffers = Buffers::default();
        let mut buffer = buffers.begin(262_172);
        buffer.resize(262_172, 0);
        drop(buffers.lend(buffer));
        assert!(buffers.take(270_000).is_some());
        assert_eq!(roomy(LEN_MIN - 1), LEN_MIN - 1);
        for len in [LEN_MIN, 65_537, 1 << 20] {
            assert!((len..=len + len / 4).contains(&roomy(len)), "{len}");
        }
    }

    #[test]
    fn a_length_is_believed_as_far_as_bytes_have_come() {
        let mut buffer = Buffers::default().begin(100 << 20);
        assert_eq!(buffer.capacity(), RESERVE);
        Buffers::grow(&mut buffer, 100 << 20);
        assert_eq!(buffer.capacity(), RESERVE, "there is room");
        buffer.resize(RESERVE, 0);
        Buffers::grow(&mut buffer, 99 << 20);
        assert_eq!(buffer.capacity(), 2 * RESERVE);
        buffer.resize(2 * RESERVE, 0);
        Buffers::grow(&mut buffer, 7);
        assert_eq!(
            buffer.capacity(),
            roomy(2 * RESERVE + 7),
            "it fits others of its kind"
        );
    }

    #[test]
    fn what_is_kept_has_a_bound_and_ends_with_its_owner() {
        let buffers = Buffers::default();
        let frames: Vec<_> = (0..9).map(|_| buffers.lend(vec![0; 1 << 20])).collect();
        let last = buffers.lend(vec![0; 2 << 20]);
        drop(frames);
        assert_eq!(kept(&buffers), KEPT_MAX);
        drop(last);
        assert_eq!(kept(&buffers), KEPT_MAX, "the oldest make room");
        assert!(buffers.take(2 << 20).is_some());
        let late = buffers.lend(vec![0; 1 << 20]);
        drop(buffers);
        assert_eq!(late.len(), 1 << 20);
    }
}
