//! A median, and how sure it is.

use serde::Serialize;

/// The median of some values, and an interval that has the true one in it in 95 of 100 runs.
///
/// Its ends are order statistics (W. J. Conover, *Practical Nonparametric Statistics*, the confidence interval of a
/// quantile): nothing is assumed of how the values are spread. Fewer than six values cannot be that sure: the
/// interval is all of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Interval {
    /// Of values in any order; of no value, nothing.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let outside = outside(sorted.len());
        Some(Self {
            low: sorted[outside],
            median: f64::midpoint(sorted[last / 2], sorted[last.div_ceil(2)]),
            high: sorted[last - outside],
        })
    }
}

/// How many values at each end may be left out: as many as fewer than 2.5 in 100 throws of `count` fair coins have
/// heads.
fn outside(count: usize) -> usize {
    let mut heads = 0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX));
    let mut tail = heads;
    let mut outside = 0;
    while tail <= 0.025 && outside < count / 2 {
        outside += 1;
        heads *= (count - outside + 1) as f64 / outside as f64;
        tail += heads;
    }
    outside.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_all_in_the_interval() {
        assert_eq!(Interval::of(&[]), None);
        let interval = Interval::of(&[3.0, 1.0, 2.0, 5.0, 4.0]).unwrap();
        assert_eq!((interval.low, interval.median, interval.high), (1.0, 3.0, 5.0));
        assert_eq!(Interval::of(&[1.0, 2.0]).unwrap().median, 1.5);
    }

    #[test]
    fn the_ends_are_those_of_the_tables() {
        // Ranks counted from one, as printed for 95 %: 6 -> 1, 9 -> 2, 12 -> 3, 15 -> 4, 20 -> 6.
        for (count, rank) in [(5, 1), (6, 1), (8, 1), (9, 2), (12, 3), (15, 4), (20, 6)] {
            assert_eq!(outside(count) + 1, rank, "{count} values");
        }
    }
}
