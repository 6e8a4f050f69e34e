//! Rules for Rust files.

use super::{Fault, File};

/// Tests of whole processes: a binary of their own, and time as it is.
const PROCESSES: &str = "node/tests/processes/";
const LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
/// A test tells one story from beginning to end.
const TEST_LINES_MAX: usize = 100;

/// Put together here, so that this file does not break its own rules.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("#[", "ignore"),
    concat!("XX", "X:"),
];
const UNFINISHED_MACROS: &[&str] = &[concat!("to", "do!("), concat!("unimpl", "emented!(")];
const VAGUE: &[&str] = &["util", "utils", "common", "helper", "helpers", "manager", "misc"];
const SLEEPS: &[&str] = &[
    concat!("thread::", "sleep"),
    concat!("time::", "sleep("),
    concat!(" sle", "ep("),
];

/// Names that the traits of a library give: whoever implements them has no choice.
const GIVEN: &[&str] = &[
    concat!("fn ge", "t_current_snapshot("),
    concat!("fn ge", "t_log_reader("),
    concat!("fn ge", "t_log_state("),
    concat!("fn ge", "t_snapshot_builder("),
];

pub(super) fn faults(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    if !file.text.starts_with("//!") {
        faults.push(file.fault(1, "the first line says what the file is (`//!`)"));
    }
    let lines = file.text.lines().count();
    if lines > LINES_MAX {
        faults.push(file.fault(0, format!("{lines} lines: split by idea at {LINES_MAX}")));
    }
    faults.extend(names(file));
    faults.extend(words(file));
    faults.extend(functions(file));
    faults
}

fn names(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    let stem = file.name().trim_end_matches(".rs");
    if stem == "mod" {
        faults.push(file.fault(0, "foo.rs beside foo/, and no mod.rs"));
    }
    if VAGUE.contains(&stem) {
        faults.push(file.fault(0, format!("a module named {stem} says nothing")));
    }
    if let Some((_, below)) = file.path.split_once("/tests/") {
        let is_known = below.starts_with("it/") || below == "loom.rs" || file.path.starts_with(PROCESSES);
        if !is_known && file.path.split('/').nth(1) == Some("tests") {
            faults.push(file.fault(0, "one integration binary per crate: tests/it/main.rs"));
        }
    }
    faults
}

fn words(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    let is_test_file = is_test(file);
    let has_paused_time = file.text.contains("start_paused");
    let mut in_tests = is_test_file;
    for (index, line) in file.text.lines().enumerate() {
        let mut fault = |rule: String| faults.push(file.fault(index + 1, rule));
        in_tests |=
            line.trim_start().starts_with("#[cfg(test)]") && !file.text.contains("#[cfg(test)]\nmod tests;");
        for word in UNFINISHED
            .iter()
            .chain(UNFINISHED_MACROS)
            .filter(|word| line.contains(**word))
        {
            fault(format!("{word}: finish it, or leave it out"));
        }
        for sleep in SLEEPS.iter().filter(|sleep| line.contains(**sleep)) {
            let is_blocking = sleep.starts_with("thread");
            let is_real = file.path.starts_with(PROCESSES);
            if in_tests && !is_real && (is_blocking || !has_paused_time) {
                fault("a test waits for the thing, or runs on paused time".to_owned());
                break;
            }
        }
        if line.contains(concat!("fn ge", "t_")) && !GIVEN.iter().any(|given| line.contains(given)) {
            fault("no get_: the name of what is had is enough".to_owned());
        }
    }
    faults
}

fn is_test(file: &File) -> bool {
    file.path.contains("/tests/") || file.name() == "tests.rs"
}

/// Functions end in a line with their own indentation and a brace: the formatter sees to that.
fn functions(file: &File) -> Vec<Fault> {
    let lines: Vec<&str> = file.text.lines().collect();
    let max = if is_test(file) {
        TEST_LINES_MAX
    } else {
        FUNCTION_LINES_MAX
    };
    let mut faults = Vec::new();
    for (begin, line) in lines.iter().enumerate() {
        let Some(indentation) = function_indentation(line) else {
            continue;
        };
        let end = format!("{indentation}}}");
        let length = lines[begin..]
            .iter()
            .position(|line| *line == end || is_bodiless(line, indentation));
        if let Some(length) = length.filter(|length| length + 1 > max) {
            faults.push(file.fault(
                begin + 1,
                format!("a function of {} lines ends at {max}", length + 1),
            ));
        }
    }
    faults
}

/// A signature that ends without a body, or has it on the same line.
fn is_bodiless(line: &str, indentation: &str) -> bool {
    let is_at = line
        .strip_prefix(indentation)
        .is_some_and(|rest| !rest.starts_with(' '));
    is_at && (line.ends_with(';') || line.ends_with("{}") || (line.ends_with('}') && line.contains(" { ")))
}

fn function_indentation(line: &str) -> Option<&str> {
    let trimmed = line.trim_start();
    let indentation = &line[..line.len() - trimmed.len()];
    let mut words = trimmed.split(' ');
    let is_function = words
        .find(|word| {
            !matches!(
                *word,
                "pub" | "pub(crate)" | "pub(super)" | "const" | "async" | "default"
            )
        })
        .is_some_and(|word| word == "fn");
    is_function.then_some(indentation)
}
