//! Round by round through all ways of a case.

use anyhow::{Context as _, Result};

use crate::bound::{Limit, Verdict};
use crate::case::{Better, Case, Effort, Entry, Round};
use crate::interval::Interval;

/// What the rounds of a case came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    pub(crate) reference: Option<&'static str>,
    /// In the order in which the case has them.
    pub(crate) ways: Vec<&'static str>,
    pub(crate) rounds: Vec<Round>,
    pub(crate) judged: Vec<Judged>,
}

/// A bound, and what the rounds say of it.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) about: String,
    pub(crate) limit: Limit,
    pub(crate) seen: Interval,
    pub(crate) verdict: Verdict,
}

/// Builds a case, runs it, and judges its bounds.
///
/// # Errors
///
/// One of its ways failed, or a bound is made of what no way gives.
pub(crate) fn run(entry: Entry, effort: Effort) -> Result<Outcome> {
    let Entry { name, build, .. } = entry;
    let mut case = (build.0)(effort).with_context(|| format!("{name}: building it"))?;
    // The first fills caches, opens connections and grows buffers.
    round(&mut case, false).with_context(|| format!("{name}: warming up"))?;
    let mut rounds = Vec::with_capacity(case.rounds);
    for number in 0..case.rounds {
        // Every other round the other way about: whoever comes after a heavy one does not always do so.
        let round = round(&mut case, number % 2 == 1);
        rounds.push(round.with_context(|| format!("{name}: round {}", number + 1))?);
    }
    let judged = judge(&case, &rounds).with_context(|| name.clone())?;
    Ok(Outcome {
        name,
        unit: case.unit,
        better: case.better,
        reference: case.reference,
        ways: case.ways.iter().map(|way| way.name).collect(),
        rounds,
        judged,
    })
}

fn round(case: &mut Case, backwards: bool) -> Result<Round> {
    let mut order: Vec<_> = case.ways.iter_mut().collect();
    if backwards {
        order.reverse();
    }
    let mut round = Round::new();
    for way in order {
        let sample = (way.run)().with_context(|| way.name)?;
        round.insert(way.name, sample);
    }
    Ok(round)
}

fn judge(case: &Case, rounds: &[Round]) -> Result<Vec<Judged>> {
    let mut judged = Vec::new();
    for bound in &case.bounds {
        let values = bound.values(rounds);
        let seen = values.as_deref().and_then(Interval::of);
        let seen =
            seen.with_context(|| format!("the bound of {} is made of what no way gives", bound.about))?;
        judged.push(Judged {
            about: bound.about.clone(),
            limit: bound.limit,
            seen,
            verdict: bound.limit.judge(&seen),
        });
    }
    Ok(judged)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use anyhow::bail;

    use super::*;
    use crate::bound::Bound;
    use crate::case::Sample;

    #[test]
    fn ways_take_turns_and_pairs_are_of_one_round() {
        let order = Rc::new(RefCell::new(Vec::new()));
        let (ours, theirs) = (order.clone(), order.clone());
        let entry = Entry::quick("a/case", move |_| {
            let case = Case::new("ns", Better::Less, 3).against("theirs");
            Ok(case
                .way("ours", move || {
                    ours.borrow_mut().push("ours");
                    Ok(Sample::of(1.0))
                })
                .way("theirs", move || {
                    theirs.borrow_mut().push("theirs");
                    Ok(Sample::of(2.0))
                })
                .bound(Bound::ratio("ours", "theirs", Limit::AtMost(0.5))))
        });
        let outcome = run(entry, Effort::Quick).unwrap();
        assert_eq!(outcome.rounds.len(), 3);
        assert_eq!(outcome.judged[0].verdict, Verdict::Met);
        let seen = order.borrow().join(" ");
        assert_eq!(seen, "ours theirs ours theirs theirs ours ours theirs");
    }

    #[test]
    fn a_way_that_fails_is_named() {
        let entry = Entry::quick("a/case", |_| {
            Ok(Case::new("ns", Better::Less, 1).way("ours", || bail!("no such table")))
        });
        let error = format!("{:#}", run(entry, Effort::Quick).unwrap_err());
        assert_eq!(error, "a/case: warming up: ours: no such table");
    }

    #[test]
    fn a_bound_of_what_no_way_gives_is_an_error() {
        let entry = Entry::quick("a/case", |_| {
            let case = Case::new("ns", Better::Less, 1).way("ours", || Ok(Sample::of(1.0)));
            Ok(case.bound(Bound::ratio("ours", "theirs", Limit::AtMost(1.0))))
        });
        assert!(run(entry, Effort::Quick).is_err());
    }
}
