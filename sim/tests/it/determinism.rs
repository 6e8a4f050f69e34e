//! A seed decides everything: what runs beside a run, where, or how often it ran before, changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::thread;
use std::time::Duration;

use tidegate_sim::report::{RunReport, Totals};
use tidegate_sim::run::{RunOptions, Seeds, run, run_many};

const SEEDS: u64 = 12;

/// What must be the same.
type Marks = (u64, u64, Duration);

fn marks(report: &RunReport) -> Marks {
    (report.hash, report.events, report.virtual_time)
}

fn traced(seed: u64) -> RunReport {
    let options = RunOptions {
        trace: true,
        ..RunOptions::default()
    };
    run(seed, &options).unwrap()
}

/// Runs the seeds on so many threads.
fn runs(jobs: usize) -> (BTreeMap<u64, Marks>, Totals) {
    let seeds = Seeds {
        from: 0,
        count: SEEDS,
        jobs,
        time_max: None,
    };
    let (mut found, mut totals) = (BTreeMap::new(), Totals::default());
    run_many(seeds, &RunOptions::default(), |report| {
        found.insert(report.seed, marks(&report));
        totals.add(report);
        true
    })
    .unwrap();
    (found, totals)
}

/// The hash of the same seeds in a process of their own: other addresses, other random states of hash maps.
fn elsewhere(jobs: usize) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tidegate-sim"))
        .args(["run", "--json"])
        .args(["--seeds", &SEEDS.to_string(), "--jobs", &jobs.to_string()])
        .output()
        .unwrap();
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["seeds"], SEEDS);
    object["hash"].as_str().unwrap().to_owned()
}

/// The first difference of two runs is what whoever mends it wants to see.
#[test]
fn a_seed_twice_is_the_same_line_for_line() {
    for seed in 0..2 {
        let (first, second) = (traced(seed).trace, traced(seed).trace);
        let differ = first.iter().zip(&second).position(|(one, other)| one != other);
        let at = differ.unwrap_or(first.len().min(second.len()));
        assert_eq!(first.get(at), second.get(at), "seed {seed}, line {at}");
        assert!(first.len() > 100, "seed {seed} came to {} lines", first.len());
    }
}

#[test]
fn neither_threads_nor_processes_change_anything() {
    let (alone, totals) = runs(1);
    assert_eq!(alone.len() as u64, SEEDS);
    assert_eq!(alone, runs(4).0, "beside others");
    let hash = format!("{:016x}", totals.hash);
    assert_eq!(hash, elsewhere(1), "in a process of their own");
    assert_eq!(hash, elsewhere(2), "in a process of their own, beside others");
    let different: BTreeSet<u64> = alone.values().map(|marks| marks.0).collect();
    assert_eq!(different.len() as u64, SEEDS, "each seed is a run of its own");
}

#[test]
fn the_thread_and_what_ran_on_it_before_change_nothing() {
    let options = RunOptions::default();
    let after_others = {
        run(100, &options).unwrap();
        run(7, &options).unwrap()
    };
    let fresh = thread::spawn(|| run(7, &RunOptions::default()).unwrap());
    assert_eq!(marks(&after_others), marks(&fresh.join().unwrap()));
}

#[test]
fn a_trace_changes_nothing() {
    let without = run(3, &RunOptions::default()).unwrap();
    assert_eq!(marks(&traced(3)), marks(&without));
}
