//! The model is clean, and can fail.

use super::check::{check_one, check_scopes};
use super::liveness;
use super::report::ModelReport;
use super::scope::Scope;
use super::state::At;
use super::step::{Cluster, Step};

const QUIET: Scope = Scope {
    nodes: &[1, 2, 3],
    replicas: &[1, 3],
    ..Scope::QUIET
};

fn check(cluster: &Cluster) -> ModelReport {
    let mut report = ModelReport::default();
    check_one(cluster, &mut report, &mut |_| ());
    report
}

/// The property that is broken, and how many steps lead there.
fn broken(cluster: &Cluster) -> (String, usize) {
    let report = check(cluster);
    let violation = report.violations.first().expect("something is broken");
    let steps = violation
        .text
        .lines()
        .filter(|line| line.starts_with("        -> "));
    (violation.property.clone(), steps.count())
}

#[test]
fn the_quiet_model_is_clean() {
    let report = check_scopes(&[QUIET], |_| ());
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.unique_states, QUIET_STATES);
}

/// Two moves of a tablet with two replicas, every order of its steps.
const QUIET_STATES: usize = 1027;

#[test]
fn answers_that_never_come_are_found() {
    let cluster = Cluster {
        withheld: Some(|step| matches!(step, Step::Answer(_))),
        ..Cluster::new(QUIET)
    };
    assert_eq!(broken(&cluster).0, liveness::STOPPED);
}

#[test]
fn a_pull_that_nobody_wakes_is_found() {
    let cluster = Cluster {
        withheld: Some(|step| matches!(step, Step::Serve(..))),
        ..Cluster::new(QUIET)
    };
    assert_eq!(broken(&cluster).0, liveness::STOPPED);
}

#[test]
fn a_call_that_is_sent_for_ever_is_found() {
    let cluster = Cluster {
        spoil: Some(|step, state| {
            if let Step::Answer(call) = step {
                let mut again = call.clone();
                again.at = At::Sent;
                state.calls.push(again);
            }
        }),
        ..Cluster::new(QUIET)
    };
    assert_eq!(broken(&cluster).0, liveness::ROUND);
}

#[test]
fn the_shortest_path_is_told_step_by_step() {
    let cluster = Cluster {
        spoil: Some(|step, state| {
            if matches!(step, Step::Follow) {
                state.breaks("it follows");
            }
        }),
        ..Cluster::new(QUIET)
    };
    assert_eq!(broken(&cluster), ("it follows".to_owned(), 2));
    let text = &check(&cluster).violations[0].text;
    assert!(text.contains("   0  v"), "{text}");
    assert!(text.contains("   1  BeginMove\n        -> v"), "{text}");
    assert!(text.contains("   2  Follow\n"), "{text}");
}
