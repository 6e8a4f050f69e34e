//! Files that are read again when they change.

use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// How often the files should be looked at. They are read when they have stood still for so long: those that belong
/// together, as a certificate and its key, are never replaced in one step.
pub(crate) const PACE: Duration = Duration::from_secs(2);

/// When files that could not be used are tried again, though they look the same: who may read them has no date.
const AGAIN: Duration = Duration::from_secs(30);

/// When each of the files was changed, and how long it is.
pub(crate) type Seen<const N: usize> = [Option<(SystemTime, u64)>; N];

/// How the files look now.
pub(crate) fn look<const N: usize>(paths: [&Path; N]) -> Seen<N> {
    paths.map(|path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

/// What has come of the files so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watched<const N: usize> {
    used: Seen<N>,
    before: Seen<N>,
    failed: Option<(Seen<N>, Instant)>,
}

impl<const N: usize> Watched<N> {
    /// `used` is how the files looked before what is in use was read from them.
    pub(crate) const fn new(used: Seen<N>) -> Self {
        Self {
            used,
            before: used,
            failed: None,
        }
    }

    /// Whether to read them, as they look now.
    pub(crate) fn is_due(&mut self, now: Seen<N>, at: Instant) -> bool {
        let stands_still = now == self.before;
        self.before = now;
        if now == self.used {
            self.failed = None;
            return false;
        }
        let rests = |(seen, when): (Seen<N>, Instant)| seen == now && at.duration_since(when) < AGAIN;
        stands_still && !self.failed.is_some_and(rests)
    }

    /// They were read, as they looked then, and are in use.
    pub(crate) fn used(&mut self, now: Seen<N>) {
        self.used = now;
        self.failed = None;
    }

    /// They could not be used; answers whether that is news.
    pub(crate) fn failed(&mut self, now: Seen<N>, at: Instant) -> bool {
        let known = self
            .failed
            .replace((now, at))
            .is_some_and(|(seen, _)| seen == now);
        !known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(length: u64) -> Seen<1> {
        [Some((SystemTime::UNIX_EPOCH, length))]
    }

    #[test]
    fn files_that_changed_since_they_were_looked_at_are_read_when_they_stand_still() {
        let (mut watched, at) = (Watched::new(seen(1)), Instant::now());
        assert!(!watched.is_due(seen(1), at));
        assert!(!watched.is_due(seen(2), at));
        assert!(!watched.is_due(seen(3), at), "it is being written");
        assert!(watched.is_due(seen(3), at));
        watched.used(seen(3));
        assert!(!watched.is_due(seen(3), at));
    }

    #[test]
    fn files_that_cannot_be_used_are_told_once_and_tried_again() {
        let (mut watched, at) = (Watched::new(seen(1)), Instant::now());
        assert!(!watched.is_due(seen(2), at));
        assert!(watched.is_due(seen(2), at));
        assert!(watched.failed(seen(2), at));
        assert!(!watched.is_due(seen(2), at + AGAIN / 2));
        assert!(watched.is_due(seen(2), at + AGAIN));
        assert!(!watched.failed(seen(2), at + AGAIN), "that is known");
        assert!(!watched.is_due(seen(3), at + AGAIN));
        assert!(watched.is_due(seen(3), at + AGAIN), "others are tried at once");
        assert!(watched.failed(seen(3), at + AGAIN));
    }
}
