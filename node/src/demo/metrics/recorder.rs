//! A recorder in memory: counters, gauges, and histograms of bounded size.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use metrics::atomics::AtomicU64;
use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SetRecorderError, SharedString,
    Unit,
};
use metrics_util::registry::{Registry, Storage};
use metrics_util::storage::Summary;

use super::snapshot::{Distribution, Series, Snapshot};

/// Keeps all metrics of the process. Clones share what they keep.
#[derive(Clone)]
pub(crate) struct MetricsRecorder {
    registry: Arc<Registry<Key, BoundedStorage>>,
}

impl MetricsRecorder {
    /// One that nobody records to yet.
    pub(crate) fn new() -> Self {
        Self {
            registry: Arc::new(Registry::new(BoundedStorage)),
        }
    }

    /// Makes one that everything in this process records to from now on.
    ///
    /// # Errors
    ///
    /// There is one already.
    pub(crate) fn install() -> Result<Self, SetRecorderError<Self>> {
        let recorder = Self::new();
        metrics::set_global_recorder(recorder.clone())?;
        Ok(recorder)
    }

    /// All metrics as they are now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        // Relaxed, both: whoever needs a number complete has seen its cause end by other means.
        self.registry.visit_counters(|key, counter| {
            snapshot
                .counters
                .insert(series(key), counter.load(Ordering::Relaxed));
        });
        self.registry.visit_gauges(|key, gauge| {
            snapshot
                .gauges
                .insert(series(key), f64::from_bits(gauge.load(Ordering::Relaxed)));
        });
        let mut merged = BTreeMap::<String, Samples>::new();
        self.registry.visit_histograms(|key, histogram| {
            merged
                .entry(key.name().to_owned())
                .or_default()
                .merge(&histogram.samples());
        });
        snapshot.histograms = merged
            .into_iter()
            .map(|(name, samples)| (name, samples.distribution()))
            .collect();
        snapshot
    }
}

fn series(key: &Key) -> Series {
    let mut labels: Vec<_> = key
        .labels()
        .map(|label| (label.key().to_owned(), label.value().to_owned()))
        .collect();
    labels.sort();
    (key.name().to_owned(), labels)
}

impl fmt::Debug for MetricsRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsRecorder").finish_non_exhaustive()
    }
}

impl Recorder for MetricsRecorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.registry
            .get_or_create_counter(key, |counter| Counter::from_arc(Arc::clone(counter)))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.registry
            .get_or_create_gauge(key, |gauge| Gauge::from_arc(Arc::clone(gauge)))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.registry
            .get_or_create_histogram(key, |histogram| Histogram::from_arc(Arc::clone(histogram)))
    }
}

/// Where the registry keeps values: a sketch instead of every sample of a histogram.
#[derive(Debug)]
struct BoundedStorage;

impl Storage<Key> for BoundedStorage {
    type Counter = Arc<AtomicU64>;
    type Gauge = Arc<AtomicU64>;
    type Histogram = Arc<BoundedHistogram>;

    fn counter(&self, _: &Key) -> Self::Counter {
        Arc::default()
    }

    fn gauge(&self, _: &Key) -> Self::Gauge {
        Arc::default()
    }

    fn histogram(&self, _: &Key) -> Self::Histogram {
        Arc::default()
    }
}

#[derive(Default)]
struct BoundedHistogram(Mutex<Samples>);

impl BoundedHistogram {
    fn samples(&self) -> Samples {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl HistogramFn for BoundedHistogram {
    fn record(&self, value: f64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(value);
    }
}

#[derive(Clone)]
struct Samples {
    sketch: Summary,
    count: u64,
    sum: f64,
    max: f64,
}

impl Default for Samples {
    fn default() -> Self {
        Self {
            // Within one per cent, over all magnitudes there are: the defaults keep less than three of them.
            sketch: Summary::new(0.01, 4096, 1e-9),
            count: 0,
            sum: 0.0,
            max: 0.0,
        }
    }
}

impl Samples {
    fn add(&mut self, value: f64) {
        self.sketch.add(value);
        self.count += 1;
        self.sum += value;
        self.max = self.max.max(value);
    }

    fn merge(&mut self, other: &Self) {
        // All sketches are made alike, so they can be merged.
        let merged = self.sketch.merge(&other.sketch);
        debug_assert!(merged.is_ok(), "sketches of different shapes");
        self.count += other.count;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
    }

    fn distribution(&self) -> Distribution {
        let quantile = |q| self.sketch.quantile(q).unwrap_or_default();
        Distribution {
            count: self.count,
            sum: self.sum,
            p50: quantile(0.5),
            p99: quantile(0.99),
            max: self.max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_great_value_does_not_move_the_quantiles_of_small_ones() {
        let mut samples = Samples::default();
        for _ in 0..999 {
            samples.add(10e-6);
        }
        samples.add(60.0);
        let distribution = samples.distribution();
        assert!((distribution.p50 / 10e-6 - 1.0).abs() < 0.02, "{distribution:?}");
        assert!((distribution.p99 / 10e-6 - 1.0).abs() < 0.02, "{distribution:?}");
    }

    #[test]
    fn what_is_recorded_is_in_the_snapshot() {
        let recorder = MetricsRecorder::new();
        metrics::with_local_recorder(&recorder, || {
            metrics::counter!("moves", "kind" => "migration", "end" => "good").increment(2);
            metrics::counter!("moves", "kind" => "rebuild", "end" => "good").increment(3);
            metrics::counter!("moves", "kind" => "purge", "end" => "bad").increment(5);
            metrics::gauge!("left").increment(3.0);
            metrics::gauge!("left").decrement(2.0);
            for millis in 1..=1000_u32 {
                metrics::histogram!("drain", "stage" => "x").record(f64::from(millis) / 1000.0);
            }
            metrics::histogram!("drain", "stage" => "y").record(2.5);
        });
        let snapshot = recorder.snapshot();
        assert_eq!(snapshot.counter("moves"), 10);
        assert_eq!(
            snapshot.counter_where("moves", &[("kind", &["migration", "rebuild"])]),
            5
        );
        assert_eq!(
            snapshot.counter_where("moves", &[("kind", &["purge"]), ("end", &["good"])]),
            0
        );
        assert_eq!(snapshot.counter("none"), 0);
        assert!((snapshot.gauge("left") - 1.0).abs() < f64::EPSILON);
        let drain = snapshot.histogram("drain");
        assert_eq!(drain.count, 1001);
        assert!((drain.p50 - 0.5).abs() < 0.01, "{drain:?}");
        assert!((drain.p99 - 0.99).abs() < 0.01, "{drain:?}");
        assert!((drain.max - 2.5).abs() < f64::EPSILON, "{drain:?}");
        assert_eq!(snapshot.histogram("none"), Distribution::default());
    }
}
