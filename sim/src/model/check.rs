//! Goes through every state.

use std::fmt::Write as _;
use std::thread::sleep;
use std::time::Duration;

use stateright::{Checker, HasDiscoveries, Model, Path};
use tokio::time::Instant;

use super::properties;
use super::reached::{Reach, has_reached};
use super::report::Part;
use super::scope::Scope;
use super::state::State;
use super::step::{Cluster, Step};
use super::{ModelProgress, ModelReport, ModelViolation, PropertyResult, Size};

/// Threads that look at states.
const THREADS: usize = 2;

/// How often the progress is told.
const TOLD_EVERY: Duration = Duration::from_millis(50);

/// How long the shortest way to what was broken is looked for.
const SHORTEST_WITHIN: Duration = Duration::from_secs(120);

/// Goes through every state of a size's models; tells `progress` now and then. Stops at the first property that does
/// not hold.
#[must_use]
pub fn check(size: Size, progress: impl FnMut(ModelProgress)) -> ModelReport {
    let begun = Instant::now();
    let mut report = check_scopes(&size.scopes(), progress);
    if report.is_clean() {
        report.reached(properties::sometimes());
        report.reached(Reach::ALL.map(|(what, name)| (name, has_reached(what))));
    }
    report.seconds = begun.elapsed().as_secs_f64();
    report
}

/// Goes through every state of these models.
pub(super) fn check_scopes(scopes: &[Scope], mut progress: impl FnMut(ModelProgress)) -> ModelReport {
    let begun = Instant::now();
    let mut report = ModelReport::default();
    for scope in scopes {
        check_one(&Cluster::new(*scope), &mut report, &mut progress);
        if !report.is_clean() {
            break;
        }
    }
    let broken = |name: &str| report.violations.iter().any(|found| found.property == name);
    let results = properties::names().map(|name| PropertyResult {
        name: name.to_owned(),
        holds: !broken(name),
    });
    report.properties = results.collect();
    report.seconds = begun.elapsed().as_secs_f64();
    report
}

impl ModelReport {
    /// Takes in what has to hold at some time: what was not met is a violation, as nothing is known of it.
    fn reached(&mut self, all: impl IntoIterator<Item = (&'static str, bool)>) {
        for (name, holds) in all {
            let name = format!("sometimes: {name}");
            if !holds {
                self.violations.push(ModelViolation {
                    property: name.clone(),
                    text: "no path leads there".to_owned(),
                });
            }
            self.properties.push(PropertyResult { name, holds });
        }
    }
}

/// Goes through every state of one model.
pub(super) fn check_one(
    cluster: &Cluster,
    report: &mut ModelReport,
    progress: &mut impl FnMut(ModelProgress),
) {
    // Depth first: it keeps the states of one path, and eight bytes of each other.
    let checker = cluster
        .clone()
        .checker()
        .threads(THREADS)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_dfs();
    let begun = Instant::now();
    while !checker.is_done() {
        progress(ModelProgress {
            part: cluster.scope.name,
            states: report.states + checker.state_count(),
            unique_states: report.unique_states + checker.unique_state_count(),
            depth: checker.max_depth(),
        });
        sleep(TOLD_EVERY);
    }
    let checker = checker.join();
    if let Some(path) = checker.discoveries().into_values().next() {
        let path = shortest(cluster, path.clone().into_states().len()).unwrap_or(path);
        report.violations.push(ModelViolation {
            property: path.last_state().truth.broken.unwrap_or_default().to_owned(),
            text: describe(&cluster.scope, &path),
        });
    }
    report.states += checker.state_count();
    report.unique_states += checker.unique_state_count();
    report.depth = report.depth.max(checker.max_depth());
    report.parts.push(Part {
        name: cluster.scope.name,
        states: checker.state_count(),
        unique_states: checker.unique_state_count(),
        depth: checker.max_depth(),
        seconds: begun.elapsed().as_secs_f64(),
    });
}

/// A shortest path to something that is broken, where it is found in time: what goes down first finds a long one.
fn shortest(cluster: &Cluster, depth: usize) -> Option<Path<State, Step>> {
    let checker = cluster
        .clone()
        .checker()
        .threads(1)
        .target_max_depth(depth + 1)
        .timeout(SHORTEST_WITHIN)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    checker.discoveries().into_values().next()
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
