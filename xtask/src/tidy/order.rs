//! What could make two runs of one seed differ: the product runs in simulation, so its order is its own.

use super::{Fault, File};

/// Crates that run in simulation, as they are.
const SIMULATED: &[&str] = &[
    "coordinator",
    "guard",
    "inject",
    "kv",
    "raft",
    "replica",
    "session",
    "sim",
    "streaming",
    "tablets",
    "transport",
    "transport-mem",
];

/// A word that stands for an order, or a number, that is not the seed's; what to use instead; and the one file that
/// may use it.
struct Rule {
    word: &'static str,
    instead: &'static str,
    excused: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        word: "watch::",
        instead: "a watch channel wakes in random order: a lock and a Notify",
        // The trait of openraft for such channels; what is behind it is a lock and a Notify.
        excused: "raft/src/runtime/ordered.rs",
    },
    Rule {
        word: "HashMap",
        instead: "its order is random: a BTreeMap",
        excused: "",
    },
    Rule {
        word: "HashSet",
        instead: "its order is random: a BTreeSet",
        // Asked, and never gone through.
        excused: "session/src/registry/book/tombstones.rs",
    },
    Rule {
        word: "DashMap",
        instead: "its order is random: only where nothing goes through it",
        excused: "session/src/registry/index/map.rs",
    },
    Rule {
        word: "SystemTime",
        instead: "no wall clock: it is passed in",
        excused: "kv/src/clock.rs",
    },
    Rule {
        word: "std::time::Instant",
        instead: "tokio's Instant, which paused time moves",
        excused: "",
    },
    Rule {
        word: "Rng::new()",
        instead: "numbers come from a seed",
        excused: "",
    },
    Rule {
        word: "spawn_blocking",
        instead: "it stops the clock: what blocks belongs to an engine on disk",
        excused: "raft/src/disk/redb.rs",
    },
];

pub(super) fn faults(file: &File) -> Vec<Fault> {
    let Some((package, below)) = file.path.split_once('/') else {
        return Vec::new();
    };
    // What a program tells people of is time as they have it.
    let is_program = below.starts_with("src/cli/");
    if !SIMULATED.contains(&package) || !below.starts_with("src/") || is_program {
        return Vec::new();
    }
    let code: Vec<&str> = file
        .text
        .lines()
        .map(|line| {
            if line.trim_start().starts_with("//") {
                ""
            } else {
                line
            }
        })
        .collect();
    let mut faults = Vec::new();
    for (index, line) in code.iter().enumerate() {
        if line.trim_end().ends_with("select! {") {
            let first = code[index + 1..]
                .iter()
                .map(|line| line.trim())
                .find(|line| !line.is_empty());
            if first != Some("biased;") {
                faults.push(file.fault(
                    index + 1,
                    "select! draws its order unless it begins with `biased;`",
                ));
            }
        }
        let broken = RULES
            .iter()
            .filter(|rule| line.contains(rule.word) && file.path != rule.excused);
        faults.extend(broken.map(|rule| file.fault(index + 1, format!("{}: {}", rule.word, rule.instead))));
    }
    faults
}
