//! What is counted.

use metrics::counter;

use crate::TransitionEvent;

impl TransitionEvent {
    /// Counts it. Called by the store that commits a change, once for the cluster and not on every node.
    ///
    /// `tidegate_transitions_begun_total`, `tidegate_transitions_completed_total` and
    /// `tidegate_transitions_rolled_back_total`, each by `kind`.
    pub fn count(self) {
        let (name, kind) = match self {
            Self::Begun(kind) => ("tidegate_transitions_begun_total", kind),
            Self::Completed(kind) => ("tidegate_transitions_completed_total", kind),
            Self::RolledBack(kind) => ("tidegate_transitions_rolled_back_total", kind),
        };
        counter!(name, "kind" => kind.name()).increment(1);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};

    use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

    use super::*;
    use crate::TransitionKind::{Migration, Purge, Rebuild};

    #[derive(Default)]
    struct Counts(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

    impl Recorder for Counts {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            let labels: Vec<_> = key
                .labels()
                .map(|label| format!("{}={}", label.key(), label.value()))
                .collect();
            let name = format!("{} {}", key.name(), labels.join(","));
            Counter::from_arc(Arc::clone(self.0.lock().expect("whole").entry(name).or_default()))
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn transitions_are_counted_by_what_has_happened_and_by_kind() {
        let counts = Counts::default();
        metrics::with_local_recorder(&counts, || {
            let events = [
                TransitionEvent::Begun(Migration),
                TransitionEvent::Begun(Migration),
                TransitionEvent::Completed(Purge),
                TransitionEvent::RolledBack(Rebuild),
            ];
            events.into_iter().for_each(TransitionEvent::count);
        });
        let counts = counts.0.into_inner().expect("whole");
        let counts: Vec<_> = counts
            .iter()
            .map(|(name, count)| (name.as_str(), count.load(Ordering::Relaxed)))
            .collect();
        assert_eq!(
            counts,
            [
                ("tidegate_transitions_begun_total kind=migration", 2),
                ("tidegate_transitions_completed_total kind=purge", 1),
                ("tidegate_transitions_rolled_back_total kind=rebuild", 1),
            ]
        );
    }
}
