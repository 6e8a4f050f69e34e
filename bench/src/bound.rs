//! What must hold, and whether it did.

use std::fmt::{self, Debug, Display, Formatter};

use serde::Serialize;

use crate::case::{Round, Sample};
use crate::interval::Interval;

/// On which side of a number a bound lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

impl Display for Limit {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(limit) => write!(f, ">= {limit}"),
            Self::AtMost(limit) => write!(f, "<= {limit}"),
        }
    }
}

/// What the rounds say of a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// The whole interval lies within.
    Met,
    /// The interval has the limit in it: the median lies within.
    MetByMedian,
    /// The interval has the limit in it: the median lies beyond.
    NotDecided,
    /// The whole interval lies beyond.
    Missed,
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Met => "met",
            Self::MetByMedian => "met (by the median)",
            Self::NotDecided => "not decided",
            Self::Missed => "MISSED",
        })
    }
}

impl Limit {
    /// Compares with what the rounds came to.
    pub(crate) fn judge(self, seen: &Interval) -> Verdict {
        // As if more were better.
        let (low, median, high, limit) = match self {
            Self::AtLeast(limit) => (seen.low, seen.median, seen.high, limit),
            Self::AtMost(limit) => (-seen.high, -seen.median, -seen.low, -limit),
        };
        if low >= limit {
            Verdict::Met
        } else if high < limit {
            Verdict::Missed
        } else if median >= limit {
            Verdict::MetByMedian
        } else {
            Verdict::NotDecided
        }
    }
}

/// Makes a number of one round's samples.
type Of = Box<dyn Fn(&Round) -> Option<f64>>;

/// A number made of each round's samples, and what it must be.
pub(crate) struct Bound {
    pub(crate) about: String,
    pub(crate) limit: Limit,
    of: Of,
}

impl Debug for Bound {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound")
            .field("about", &self.about)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl Bound {
    /// Of whatever a round has; nothing where a sample lacks what it takes.
    pub(crate) fn new(
        about: impl Into<String>,
        limit: Limit,
        of: impl Fn(&Round) -> Option<f64> + 'static,
    ) -> Self {
        Self {
            about: about.into(),
            limit,
            of: Box::new(of),
        }
    }

    /// Of one way's value alone, in the case's unit.
    pub(crate) fn value(way: &'static str, unit: &str, limit: Limit) -> Self {
        let about = format!("{way}, {unit}");
        Self::new(about, limit, move |round| Some(round.get(way)?.value))
    }

    /// Of one way's value over another's.
    pub(crate) fn ratio(way: &'static str, reference: &'static str, limit: Limit) -> Self {
        Self::over(format!("{way} / {reference}"), way, reference, limit, |sample| {
            Some(sample.value)
        })
    }

    /// Of one way's processor time per GiB over another's.
    pub(crate) fn cpu_ratio(way: &'static str, reference: &'static str, limit: Limit) -> Self {
        Self::over(
            format!("{way} / {reference}, processor"),
            way,
            reference,
            limit,
            |sample| sample.cpu_per_gib,
        )
    }

    fn over(
        about: String,
        way: &'static str,
        reference: &'static str,
        limit: Limit,
        of: fn(&Sample) -> Option<f64>,
    ) -> Self {
        Self::new(about, limit, move |round| {
            Some(of(round.get(way)?)? / of(round.get(reference)?)?)
        })
    }

    /// What each round came to. A round that lacks what the bound is made of is an error of the case: nothing.
    pub(crate) fn values(&self, rounds: &[Round]) -> Option<Vec<f64>> {
        rounds.iter().map(|round| (self.of)(round)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(low: f64, median: f64, high: f64) -> Interval {
        Interval { low, median, high }
    }

    #[test]
    fn a_bound_is_missed_when_the_whole_interval_lies_beyond_it() {
        let least = Limit::AtLeast(0.95);
        assert_eq!(least.judge(&seen(0.90, 0.93, 0.949)), Verdict::Missed);
        assert_eq!(least.judge(&seen(0.90, 0.93, 0.96)), Verdict::NotDecided);
        assert_eq!(least.judge(&seen(0.90, 0.955, 0.96)), Verdict::MetByMedian);
        assert_eq!(least.judge(&seen(0.95, 0.96, 0.97)), Verdict::Met);
        let most = Limit::AtMost(3.0);
        assert_eq!(most.judge(&seen(3.1, 3.2, 3.3)), Verdict::Missed);
        assert_eq!(most.judge(&seen(2.0, 3.2, 3.3)), Verdict::NotDecided);
        assert_eq!(most.judge(&seen(2.0, 2.9, 3.3)), Verdict::MetByMedian);
        assert_eq!(most.judge(&seen(2.0, 2.9, 3.0)), Verdict::Met);
    }

    #[test]
    fn a_ratio_pairs_what_one_round_has() {
        let round = |ours, theirs| Round::from([("ours", Sample::of(ours)), ("theirs", Sample::of(theirs))]);
        let bound = Bound::ratio("ours", "theirs", Limit::AtLeast(1.0));
        assert_eq!(
            bound.values(&[round(1.0, 2.0), round(9.0, 3.0)]),
            Some(vec![0.5, 3.0])
        );
        let cpu = Bound::cpu_ratio("ours", "theirs", Limit::AtMost(1.0));
        assert_eq!(cpu.values(&[round(1.0, 2.0)]), None);
    }
}
