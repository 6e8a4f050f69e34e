//! How far the streams of this node have come.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tidegate_guard::SessionId;
use tidegate_streaming::{ProgressEvents, ProgressStep, Receipt, StreamProgress, StreamRole, UnitId};
use tidegate_transport::PeerId;

use crate::api;

/// Transfers that are remembered at most.
const KEPT_MAX: usize = 2048;

/// How long one that moves nothing is remembered.
const KEPT: Duration = Duration::from_secs(600);

/// Over how long the rate is taken.
const RATE_OVER: Duration = Duration::from_secs(5);

/// Points of the curve that the rate is taken from, at most.
const POINTS_MAX: usize = 64;

/// A tablet that this node receives.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Transfer {
    pub(crate) tablet: u64,
    /// The session under which it is received, a UUID.
    pub(crate) session: String,
    pub(crate) progress: api::TransferProgress,
}

/// How far the streams that this node receives have come.
#[derive(Debug, Default)]
pub(super) struct Transfers(Mutex<BTreeMap<(UnitId, SessionId), Tracked>>);

#[derive(Debug)]
struct Tracked {
    streams: BTreeMap<PeerId, Stream>,
    attached: bool,
    moved: Instant,
    /// When how many bytes were carried.
    curve: VecDeque<(Instant, u64)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Stream {
    running: bool,
    /// By streams of this peer that ended before.
    before: Receipt,
    /// By the one that runs, or ran last.
    carried: Receipt,
}

impl Transfers {
    pub(super) async fn follow(&self, mut events: ProgressEvents) {
        while let Some(event) = events.next().await {
            self.note(&event, Instant::now());
        }
        // No stream can come any more; whoever follows besides goes on.
        std::future::pending::<()>().await;
    }

    fn note(&self, event: &StreamProgress, now: Instant) {
        if event.role != StreamRole::Receive {
            return;
        }
        let mut all = self.lock();
        if !all.contains_key(&(event.unit, event.session)) && all.len() >= KEPT_MAX {
            all.retain(|_, tracked| now.duration_since(tracked.moved) < KEPT);
            if all.len() >= KEPT_MAX {
                return;
            }
        }
        let tracked = all
            .entry((event.unit, event.session))
            .or_insert_with(|| Tracked::new(now));
        tracked.note(event, now);
    }

    /// The transfers, at most so many.
    pub(super) fn told(&self, max: usize) -> Vec<Transfer> {
        let now = Instant::now();
        let mut all = self.lock();
        all.retain(|_, tracked| now.duration_since(tracked.moved) < KEPT);
        let told = all.iter().take(max).map(|((unit, session), tracked)| Transfer {
            tablet: unit.as_u64(),
            session: session.to_string(),
            progress: tracked.progress(now),
        });
        told.collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(UnitId, SessionId), Tracked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tracked {
    fn new(now: Instant) -> Self {
        Self {
            streams: BTreeMap::new(),
            attached: false,
            moved: now,
            curve: VecDeque::from([(now, 0)]),
        }
    }

    fn note(&mut self, event: &StreamProgress, now: Instant) {
        if event.step == ProgressStep::Attached {
            self.attached = true;
            self.moved = now;
            return;
        }
        let stream = self.streams.entry(event.peer).or_default();
        if event.step == ProgressStep::Started {
            stream.before = sum(stream.before, stream.carried);
            stream.carried = Receipt::default();
        }
        stream.running = !matches!(event.step, ProgressStep::Ended(_));
        stream.carried = event.carried;
        self.moved = now;
        let (_, bytes) = self.carried();
        // Not finer than what the rate is good for.
        let fine = RATE_OVER / (POINTS_MAX as u32);
        match self.curve.back_mut() {
            Some((at, held)) if now.duration_since(*at) < fine && *held > 0 => *held = bytes,
            _ => self.curve.push_back((now, bytes)),
        }
        while self.curve.len() > POINTS_MAX {
            self.curve.pop_front();
        }
    }

    fn carried(&self) -> (u64, u64) {
        let all = self.streams.values().map(|it| sum(it.before, it.carried));
        all.fold((0, 0), |(rows, bytes), it| (rows + it.rows, bytes + it.bytes))
    }

    fn progress(&self, now: Instant) -> api::TransferProgress {
        let (rows, bytes) = self.carried();
        api::TransferProgress {
            streams: self.streams.values().filter(|it| it.running).count() as u64,
            rows,
            bytes,
            rows_total: None,
            bytes_total: None,
            bytes_per_second: self.rate(now, bytes),
            eta_seconds: None,
            idle_ms: u64::try_from(now.duration_since(self.moved).as_millis()).unwrap_or(u64::MAX),
            attached: self.attached,
        }
    }

    /// Bytes per second over the last seconds.
    fn rate(&self, now: Instant, bytes: u64) -> u64 {
        let Some(from) = now.checked_sub(RATE_OVER) else {
            return 0;
        };
        // The last point before the window, so that a stream that stands comes down to zero.
        let before = self.curve.iter().rev().find(|(at, _)| *at <= from);
        let Some((at, held)) = before.or(self.curve.front()) else {
            return 0;
        };
        let over = now.duration_since((*at).max(from)).as_secs_f64().max(0.05);
        ((bytes.saturating_sub(*held)) as f64 / over) as u64
    }
}

fn sum(a: Receipt, b: Receipt) -> Receipt {
    Receipt {
        batches: a.batches + b.batches,
        rows: a.rows + b.rows,
        bytes: a.bytes + b.bytes,
        digest: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(step: ProgressStep, bytes: u64) -> StreamProgress {
        StreamProgress {
            unit: UnitId::new(7),
            session: SessionId::from_u128(9).expect("not nil"),
            peer: PeerId::new(1),
            role: StreamRole::Receive,
            step,
            carried: Receipt {
                batches: 1,
                rows: bytes / 10,
                bytes,
                digest: 0,
            },
        }
    }

    #[test]
    fn a_stream_that_is_tried_again_adds_to_what_was_carried() {
        let (transfers, now) = (Transfers::default(), Instant::now());
        transfers.note(&event(ProgressStep::Started, 0), now);
        transfers.note(&event(ProgressStep::Moved, 100), now);
        transfers.note(&event(ProgressStep::Started, 0), now);
        transfers.note(&event(ProgressStep::Moved, 50), now);
        let told = transfers.told(10);
        assert_eq!(told.len(), 1);
        let progress = told[0].progress;
        assert_eq!((progress.bytes, progress.rows, progress.streams), (150, 15, 1));
        assert!(!progress.attached);
        transfers.note(&event(ProgressStep::Attached, 50), now);
        assert!(transfers.told(10)[0].progress.attached);
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds_and_comes_down_when_nothing_moves() {
        let begin = Instant::now();
        let mut tracked = Tracked::new(begin);
        for second in 1..=20_u64 {
            let at = begin + Duration::from_secs(second);
            tracked.note(&event(ProgressStep::Moved, second * 1000), at);
        }
        let at = begin + Duration::from_secs(20);
        assert_eq!(tracked.progress(at).bytes_per_second, 1000);
        let later = at + RATE_OVER + Duration::from_secs(1);
        assert_eq!(tracked.progress(later).bytes_per_second, 0);
        assert!(tracked.curve.len() <= POINTS_MAX);
    }

    #[test]
    fn what_a_node_sends_is_told_by_the_one_that_receives() {
        let transfers = Transfers::default();
        let sent = StreamProgress {
            role: StreamRole::Send,
            ..event(ProgressStep::Moved, 100)
        };
        transfers.note(&sent, Instant::now());
        assert!(transfers.told(10).is_empty());
    }
}
