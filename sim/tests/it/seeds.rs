//! Seeds that once showed something, by name; each stays clean.

use tidegate_sim::run::{RunOptions, run};

/// Seeds, and what each has shown.
const SHOWN: [(u64, &str); 6] = [
    (
        2,
        "the end was looked at before calls to peers that fell silent had met their deadlines",
    ),
    (
        104,
        "the end was looked at while a proposal of unknown outcome was still to be decided",
    ),
    (
        299,
        "a call whose request was never heard held its stream for thirty seconds",
    ),
    (
        751,
        "a call whose request was never heard held its stream for thirty seconds",
    ),
    (
        1387,
        "a call whose request was never heard held its stream for thirty seconds",
    ),
    (
        1497,
        "a call whose request was never heard held its stream for thirty seconds",
    ),
];

#[test]
fn seeds_that_have_shown_something_are_clean() {
    for (seed, shown) in SHOWN {
        let report = run(seed, &RunOptions::default()).unwrap();
        assert_eq!(report.violation, None, "seed {seed}, which has shown: {shown}");
    }
}
