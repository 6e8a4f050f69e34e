//! What one input may have live at once.

use std::sync::{Mutex, PoisonError};

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// One input at a time, so that what is counted is its own.
static TURN: Mutex<()> = Mutex::new(());

/// Runs `work` and answers how many bytes were live at its worst moment beyond those before.
pub(crate) fn peak_of(work: impl FnOnce()) -> usize {
    // An input that panicked is reported as such; the next one has its turn nevertheless.
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    work();
    let peak = ALLOCATOR.peak_usage();
    drop(turn);
    peak.saturating_sub(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_let_go_still_counts() {
        let peak = peak_of(|| drop(std::hint::black_box(Vec::<u8>::with_capacity(5 << 20))));
        // Some bytes more or less: other threads of this process let go of theirs meanwhile.
        assert!((4 << 20..6 << 20).contains(&peak), "{peak}");
    }
}
