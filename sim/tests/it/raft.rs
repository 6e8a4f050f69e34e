//! The nodes' metadata on the product's own log: clean, and decided by the seed as all else is.

use std::collections::BTreeMap;

use tidegate_sim::metadata::MetadataKind;
use tidegate_sim::report::Totals;
use tidegate_sim::run::{RunOptions, Seeds, run, run_many};

const SEEDS: u64 = 10;

fn on_raft() -> RunOptions {
    RunOptions {
        metadata: MetadataKind::Raft,
        ..RunOptions::default()
    }
}

fn runs(count: u64, jobs: usize) -> (BTreeMap<u64, u64>, Totals) {
    let seeds = Seeds {
        from: 0,
        count,
        jobs,
        time_max: None,
    };
    let (mut hashes, mut totals) = (BTreeMap::new(), Totals::of(MetadataKind::Raft));
    run_many(seeds, &on_raft(), |report| {
        hashes.insert(report.seed, report.hash);
        totals.add(report);
        true
    })
    .unwrap();
    (hashes, totals)
}

#[test]
fn seeds_on_raft_are_clean_and_meet_what_only_raft_has() {
    let (_, totals) = runs(SEEDS, 2);
    assert_eq!(totals.violations, []);
    let done = |name: &str| {
        let kinds = totals.coverage.faults.iter();
        let counts = kinds.filter(|(kind, _)| kind.name() == name);
        counts.map(|(_, count)| *count).sum::<u64>()
    };
    for kind in ["crash", "leader_change", "snapshot_install", "half_open"] {
        assert!(done(kind) > 0, "{kind} in {:?}", totals.coverage.faults);
    }
    for kind in ["metadata_delay", "stale_restart"] {
        assert_eq!(done(kind), 0, "Raft has none: {kind}");
    }
}

#[test]
fn a_seed_on_raft_is_the_same_run_alone_and_beside_others() {
    assert_eq!(runs(3, 1).0, runs(3, 3).0);
}

#[test]
fn a_seed_is_another_run_on_raft() {
    let simulated = run(0, &RunOptions::default()).unwrap();
    let on_raft = run(0, &on_raft()).unwrap();
    assert_ne!(simulated.hash, on_raft.hash);
}
