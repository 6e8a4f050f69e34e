//! What comes along with a crate: whole trees of dependencies, as cargo resolves them.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::process::Process;
use crate::step::Context;

const GUARD: &str = "tidegate-guard";
const GUARD_DIRECT_MAX: usize = 3;
const GUARD_TREE_MAX: usize = 10;

/// What one crate alone must not bring along.
const WITHOUT: &[(&str, &[&str])] = &[
    (GUARD, &["tokio", "async-std", "smol", "futures-executor"]),
    (
        "tidegate-session",
        &["quinn", "rustls", "hyper", "axum", "openraft", "fjall"],
    ),
    ("tidegate-transport", &["quinn", "rustls", "hyper"]),
    ("tidegate-coordinator", &["quinn", "rustls", "tidegate-transport"]),
    (
        "tidegate-sim",
        &["quinn", "rustls", "aws-lc-sys", "fjall", "axum"],
    ),
];

/// TLS has one provider here: two in one program panic.
const SECOND_PROVIDERS: &[&str] = &["ring", "openssl", "native-tls"];

pub(super) fn faults(context: &Context) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let guard = tree(context, &["--package", GUARD, "--edges", "normal"])?;
    let direct = tree(
        context,
        &["--package", GUARD, "--edges", "normal", "--depth", "1"],
    )?;
    for (what, tree, max) in [
        ("", &guard, GUARD_TREE_MAX),
        ("direct ", &direct, GUARD_DIRECT_MAX),
    ] {
        // Without itself.
        let count = tree.len().saturating_sub(1);
        if count > max {
            faults.push(format!(
                "{GUARD} has {count} {what}dependencies, and may have {max}: {tree:?}"
            ));
        }
    }
    for (package, unwanted) in WITHOUT {
        let tree = tree(context, &["--package", package, "--edges", "normal"])?;
        let brought = unwanted.iter().filter(|name| tree.contains(**name));
        faults.extend(brought.map(|name| format!("{package} alone brings {name} along")));
    }
    let all = tree(context, &["--workspace", "--all-features"])?;
    let second = SECOND_PROVIDERS.iter().filter(|name| all.contains(**name));
    faults.extend(second.map(|name| format!("a second TLS provider is in the tree: {name}")));
    Ok(faults)
}

/// The names of a tree's packages.
fn tree(context: &Context, arguments: &[&str]) -> Result<BTreeSet<String>> {
    let mut process =
        Process::cargo(&context.root).words("tree --locked --quiet --prefix none --no-dedupe --format {p}");
    for argument in arguments {
        process = process.argument(argument);
    }
    let output = process.output()?;
    Ok(output
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect())
}
