//! All metrics at one moment.

use std::collections::BTreeMap;

/// A metric's name and labels, the labels in order.
pub(super) type Series = (String, Vec<(String, String)>);

/// All metrics at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Snapshot {
    pub(super) counters: BTreeMap<Series, u64>,
    pub(super) gauges: BTreeMap<Series, f64>,
    pub(super) histograms: BTreeMap<String, Distribution>,
}

/// What a histogram has seen, over all its labels. Quantiles are within one per cent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Distribution {
    /// How many values.
    pub(crate) count: u64,
    /// Their sum.
    pub(crate) sum: f64,
    /// Half of them are not above this.
    pub(crate) p50: f64,
    /// Of a hundred, ninety-nine are not above this.
    pub(crate) p99: f64,
    /// The greatest.
    pub(crate) max: f64,
}

impl Snapshot {
    /// A counter, over all its labels; zero if it never counted.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        self.counter_where(name, &[])
    }

    /// A counter, over those of its labels that match: for each label given, one of its values.
    pub(crate) fn counter_where(&self, name: &str, wanted: &[(&str, &[&str])]) -> u64 {
        self.counters
            .iter()
            .filter(|((series, labels), _)| series == name && matches(labels, wanted))
            .map(|(_, count)| count)
            .sum()
    }

    /// A gauge, over all its labels; zero if it was never set.
    pub(crate) fn gauge(&self, name: &str) -> f64 {
        // Not `sum`: that of nothing is minus zero.
        self.gauges
            .iter()
            .filter(|((series, _), _)| series == name)
            .fold(0.0, |sum, (_, value)| sum + value)
    }

    /// A histogram, over all its labels.
    pub(crate) fn histogram(&self, name: &str) -> Distribution {
        self.histograms.get(name).copied().unwrap_or_default()
    }
}

fn matches(labels: &[(String, String)], wanted: &[(&str, &[&str])]) -> bool {
    wanted.iter().all(|(label, values)| {
        labels
            .iter()
            .any(|(name, value)| name == label && values.contains(&value.as_str()))
    })
}
