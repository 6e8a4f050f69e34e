//! Goes through every state.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::thread::sleep;
use std::time::Duration;

use stateright::{Checker, Expectation, HasDiscoveries, Model, Path};
use tokio::time::Instant;

use super::properties;
use super::reached::{Reach, has_reached};
use super::scope::Scope;
use super::state::State;
use super::step::{Cluster, Step};
use super::{ModelProgress, ModelReport, ModelViolation, PropertyResult, Size};

/// Threads that look at states.
const THREADS: usize = 2;

/// How often the progress is told.
const TOLD_EVERY: Duration = Duration::from_millis(50);

/// Goes through every state of a size's models; tells `progress` now and then. Stops at the first property that does
/// not hold.
#[must_use]
pub fn check(size: Size, progress: impl FnMut(ModelProgress)) -> ModelReport {
    let mut report = check_scopes(&size.scopes(), progress);
    for (what, name) in Reach::ALL {
        report.reached(name, has_reached(what));
    }
    report
}

/// Goes through every state of these models.
pub(super) fn check_scopes(scopes: &[Scope], mut progress: impl FnMut(ModelProgress)) -> ModelReport {
    let begun = Instant::now();
    let mut report = ModelReport::default();
    let mut found: BTreeMap<&'static str, bool> = BTreeMap::new();
    for scope in scopes {
        check_one(scope, &mut report, &mut found, &mut progress);
        if !report.is_clean() {
            break;
        }
    }
    let complete = report.is_clean();
    for property in properties::all() {
        match property.expectation {
            Expectation::Sometimes if complete => {
                report.reached(property.name, found.contains_key(property.name));
            }
            Expectation::Sometimes => {}
            _ => report.properties.push(PropertyResult {
                name: property.name.to_owned(),
                holds: !found.contains_key(property.name),
            }),
        }
    }
    report.seconds = begun.elapsed().as_secs_f64();
    report
}

impl ModelReport {
    fn reached(&mut self, name: &str, reached: bool) {
        if !self.is_clean() && reached {
            return;
        }
        self.properties.push(PropertyResult {
            name: format!("sometimes: {name}"),
            holds: reached,
        });
        if !reached && self.is_clean() {
            self.violations.push(ModelViolation {
                property: format!("sometimes: {name}"),
                text: String::new(),
            });
        }
    }
}

fn check_one(
    scope: &Scope,
    report: &mut ModelReport,
    found: &mut BTreeMap<&'static str, bool>,
    progress: &mut impl FnMut(ModelProgress),
) {
    // Depth first: it keeps the states of one path, and eight bytes of each other.
    let checker = Cluster { scope: *scope }
        .checker()
        .threads(THREADS)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_dfs();
    while !checker.is_done() {
        progress(ModelProgress {
            part: scope.name,
            states: report.states + checker.state_count(),
            unique_states: report.unique_states + checker.unique_state_count(),
            depth: checker.max_depth(),
        });
        sleep(TOLD_EVERY);
    }
    let checker = checker.join();
    let discoveries: BTreeMap<_, _> = checker.discoveries().into_iter().collect();
    for property in properties::all() {
        let Some(path) = discoveries.get(property.name) else {
            continue;
        };
        found.insert(property.name, true);
        if property.expectation.discovery_is_failure() {
            report.violations.push(ModelViolation {
                property: property.name.to_owned(),
                text: describe(scope, path),
            });
        }
    }
    report.states += checker.state_count();
    report.unique_states += checker.unique_state_count();
    report.depth = report.depth.max(checker.max_depth());
    report
        .parts
        .push((scope.name, checker.state_count(), checker.unique_state_count()));
}

/// The path, a step in a line, with the newest metadata after it.
fn describe(scope: &Scope, path: &Path<State, Step>) -> String {
    let mut text = format!("model {:?}\n", scope.name);
    let mut step: Option<Step> = None;
    for (number, (state, next)) in path.clone().into_vec().into_iter().enumerate() {
        let newest = state.log.newest();
        // Writing to a string does not fail.
        let _ = match &step {
            Some(step) => writeln!(text, "{number:>4}  {step:?}\n        -> {newest:?}"),
            None => writeln!(text, "{number:>4}  {newest:?}"),
        };
        if next.is_none() {
            let _ = writeln!(text, "{state:#?}");
        }
        step = next;
    }
    text
}
