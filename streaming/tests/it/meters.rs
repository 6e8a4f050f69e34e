//! The metrics, as a recorder sees them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use tidegate_streaming::{staging_area_dropped, staging_area_made};
use tokio::task::yield_now;

use crate::memory::{Call, Fault};
use crate::networks::Kind;
use crate::rig::{Rig, small};
use crate::rows::rows;

/// Sums of counters, and how often a histogram was recorded, by name and labels.
#[derive(Debug, Default, Clone)]
struct Sums(Arc<Mutex<BTreeMap<String, u64>>>);

#[derive(Debug)]
struct Cell(Sums, String);

impl CounterFn for Cell {
    fn increment(&self, value: u64) {
        *self.0.0.lock().unwrap().entry(self.1.clone()).or_default() += value;
    }

    fn absolute(&self, _value: u64) {}
}

impl HistogramFn for Cell {
    fn record(&self, _value: f64) {
        self.increment(1);
    }
}

impl Sums {
    fn cell(&self, key: &Key) -> Arc<Cell> {
        let labels: Vec<_> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        Arc::new(Cell(
            self.clone(),
            format!("{}{{{}}}", key.name(), labels.join(",")),
        ))
    }

    fn of(&self, name: &str) -> u64 {
        self.0.lock().unwrap().get(name).copied().unwrap_or_default()
    }
}

impl Recorder for Sums {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.cell(key))
    }
}

#[tokio::test(start_paused = true)]
async fn streams_are_counted_by_their_ends() {
    let sums = Sums::default();
    let _recording = metrics::set_default_local_recorder(&sums);
    staging_area_made();
    staging_area_dropped();

    let (_rig, source, target) = Rig::pair(Kind::Mem, &rows(50, 100), small()).await;
    target.engine.fault(Call::Sync, 0, Fault::DiskFull);
    target.pull().await.unwrap_err();
    target.pull().await.unwrap();
    let batches = sums.of("tidegate_stream_batches_sent_total{reason=unknown}");
    assert!(batches > 3);
    assert_eq!(
        sums.of("tidegate_stream_batches_applied_total{reason=unknown}"),
        batches
    );
    assert_eq!(
        sums.of("tidegate_stream_bytes_applied_total{reason=unknown}"),
        sums.of("tidegate_stream_bytes_sent_total{reason=unknown}")
    );
    // The sender ends by itself, after the receiver has all it waits for.
    for _ in 0..100_000 {
        if sums.of("tidegate_stream_busy_seconds{}") == 4 {
            break;
        }
        yield_now().await;
    }
    for role in ["send", "receive"] {
        for cause in ["disk_full", "finished"] {
            assert_eq!(
                sums.of(&format!(
                    "tidegate_streams_ended_total{{role={role},cause={cause}}}"
                )),
                1
            );
        }
    }
    assert_eq!(sums.of("tidegate_stream_busy_seconds{}"), 4);

    source.session.close();
    target.engine.fault(Call::Stage, 0, Fault::DiskFull);
    target.pull().await.unwrap();
    assert_eq!(
        sums.of("tidegate_stream_batches_sent_total{reason=unknown}"),
        batches,
        "it was attached before"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusing_guard_is_counted_where_it_refused() {
    let sums = Sums::default();
    let _recording = metrics::set_default_local_recorder(&sums);
    let mut rig = Rig::new(Kind::Mem).await;
    let source = rig.node(
        crate::rig::SOURCE,
        &crate::session::Session::closing_after(5, 4),
        small(),
    );
    source.engine.write(crate::rig::UNIT, &rows(100, 100));
    rig.serve(&source);
    let target = rig.node(crate::rig::TARGET, &crate::session::Session::new(5), small());
    target.pull().await.unwrap_err();
    assert_eq!(
        sums.of("tidegate_stream_rejected_total{reason=closing,at=send}"),
        1
    );
    assert_eq!(
        sums.of("tidegate_stream_rejected_total{reason=closing,at=stage}"),
        0
    );
}
