//! What is printed.

use super::*;
use crate::event::{FaultKind, Role};
use crate::recorder::Violation;
use tidegate_tablets::Stage;

fn totals() -> Totals {
    let mut coverage = Coverage::default();
    coverage.faults.insert(FaultKind::Crash, 3);
    let hits = [((Stage::Cleanup, FaultKind::Crash, Role::Source), 7)];
    coverage.hits.extend(hits);
    let mut totals = Totals::default();
    for seed in [5, 2] {
        let mut one = Totals::default();
        one.add(RunReport {
            seed,
            coverage: coverage.clone(),
            violation: Some(Violation {
                invariant: "I1-effects",
                at: Duration::from_secs(1),
                text: "seen".to_owned(),
            }),
            ..RunReport::default()
        });
        totals.merge(one);
    }
    totals
}

#[test]
fn an_object_says_what_other_programs_ask_for() {
    let json = totals().to_json(Duration::from_millis(1500)).unwrap();
    let object: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(object["seeds"], 2);
    assert_eq!((&object["states"], &object["depth"]), (&0.into(), &0.into()));
    assert_eq!(object["seconds"], 1.5);
    assert_eq!(object["violations"][0]["seed"], 2);
    assert_eq!(object["violations"][1]["invariant"], "I1-effects");
    assert_eq!(object["faults"]["crash"], 6);
    let cells = object["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 13 * 9);
    let hit = cells.iter().find(|cell| cell["hits"] == 14).unwrap();
    assert_eq!(
        (&hit["stage"], &hit["victim"]),
        (&"cleanup".into(), &"source".into())
    );
}

#[test]
fn people_see_what_was_hit_and_what_was_not() {
    let text = totals().to_text(Duration::from_secs(1));
    assert!(text.contains("2 seeds in 1.0 s"), "{text}");
    assert!(text.contains("never hit: cleanup, crash of pending"), "{text}");
    assert!(!text.contains("never hit: cleanup, crash of source"), "{text}");
    assert!(text.contains("a purge replaces no replica"), "{text}");
    assert!(text.contains("never: a migration completed"), "{text}");
}

#[test]
fn the_hash_tells_runs_apart_and_not_their_order() {
    let hash = |runs: &[(u64, u64)]| {
        let mut totals = Totals::default();
        for (seed, hash) in runs.iter().copied() {
            totals.add(RunReport {
                seed,
                hash,
                ..RunReport::default()
            });
        }
        totals.hash
    };
    assert_eq!(hash(&[(1, 10), (2, 20)]), hash(&[(2, 20), (1, 10)]));
    assert_ne!(hash(&[(1, 10), (2, 20)]), hash(&[(1, 20), (2, 10)]));
    assert_ne!(hash(&[(1, 10)]), hash(&[(1, 11)]));
}
