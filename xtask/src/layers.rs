//! Who may use whom: the table of ARCHITECTURE.md, held against what the manifests say.

#[cfg(test)]
mod tests;
mod trees;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::step::{Context, Outcome};
use crate::workspace::Member;

/// Libraries that only these folders may name.
const ONLY: &[(&str, &[&str])] = &[
    ("quinn", &["transport-quic", "bench"]),
    ("quinn-proto", &["transport-quic"]),
    (
        "rustls",
        &[
            "transport-tls",
            "transport-quic",
            "transport-tcp",
            "node",
            "bench",
        ],
    ),
    ("tokio-rustls", &["transport-tcp", "node", "bench"]),
    ("tonic", &["bench"]),
    (
        "rcgen",
        &["transport-tls", "transport-quic", "transport-tcp", "node"],
    ),
    ("x509-parser", &["transport-tls"]),
    ("openraft", &["raft"]),
    ("redb", &["raft", "node"]),
    ("fjall", &["engine-fjall", "bench"]),
    ("axum", &["node"]),
    ("anyhow", &["node", "bench", "xtask"]),
    ("clap", &["node", "bench", "sim", "xtask"]),
    ("stateright", &["sim"]),
    ("todc-utils", &["sim"]),
    ("metrics-exporter-prometheus", &["node"]),
    ("tracing-subscriber", &["node", "bench"]),
    ("cargo_metadata", &["xtask"]),
];

/// Whatever else it may use, a crate may have injection points, and wrong lines in builds made for them.
const EVERYWHERE: &[&str] = &["inject", "mutants"];

/// What a row of the table allows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum May {
    UseAll,
    Use(BTreeSet<String>),
}

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    let page = fs::read_to_string(context.root.join("ARCHITECTURE.md")).context("ARCHITECTURE.md")?;
    let mut faults = faults(&parse(&page), &context.members);
    faults.extend(trees::faults(context)?);
    if faults.is_empty() {
        return Ok(Outcome::passed());
    }
    for fault in &faults {
        println!("{fault}");
    }
    bail!("{} faults in the layers", faults.len());
}

/// Reads the rows ``| `crate` | what it holds | crates it may use |``.
fn parse(page: &str) -> BTreeMap<String, May> {
    let section = page
        .split("\n## ")
        .find(|section| section.starts_with("Map of the code"))
        .unwrap_or_default();
    section.lines().filter_map(parse_row).collect()
}

fn parse_row(line: &str) -> Option<(String, May)> {
    let cells: Vec<&str> = line
        .strip_prefix('|')?
        .strip_suffix('|')?
        .split('|')
        .map(str::trim)
        .collect();
    let [first, .., last] = cells.as_slice() else {
        return None;
    };
    let folder = first.strip_prefix('`')?.strip_suffix('`')?;
    let may = match *last {
        "all" => May::UseAll,
        "–" | "-" | "" => May::Use(BTreeSet::new()),
        list => May::Use(
            list.split(',')
                .map(|name| name.trim().trim_matches('`').to_owned())
                .collect(),
        ),
    };
    Some((folder.to_owned(), may))
}

/// Everything that the manifests do against the table, and the table against the manifests.
fn faults(table: &BTreeMap<String, May>, members: &[Member]) -> Vec<String> {
    let mut faults = Vec::new();
    let folders: BTreeMap<&str, &str> = members
        .iter()
        .map(|member| (member.package.as_str(), member.folder.as_str()))
        .collect();
    for row in table
        .keys()
        .filter(|row| !folders.values().any(|folder| folder == row))
    {
        faults.push(format!(
            "ARCHITECTURE.md has a row for {row}, and there is no such crate"
        ));
    }
    for member in members {
        match table.get(&member.folder) {
            Some(may) => faults.extend(ours(member, may, &folders)),
            None => faults.push(format!("{}: no row in ARCHITECTURE.md", member.folder)),
        }
        faults.extend(others(member));
    }
    faults
}

/// Crates of ours that a crate uses and may not. What only its tests use is free, but for programs.
fn ours(member: &Member, may: &May, folders: &BTreeMap<&str, &str>) -> Vec<String> {
    let mut faults = Vec::new();
    for dependency in member.dependencies.iter().filter(|dependency| dependency.is_ours) {
        let Some(folder) = folders.get(dependency.package.as_str()).copied() else {
            faults.push(format!(
                "{}: {} is no member of the workspace",
                member.folder, dependency.package
            ));
            continue;
        };
        let is_program = matches!(folder, "node" | "bench" | "sim" | "fuzz" | "xtask");
        let allowed = match may {
            _ if is_program => false,
            _ if dependency.is_dev || EVERYWHERE.contains(&folder) => true,
            May::UseAll => true,
            May::Use(names) => names.contains(folder),
        };
        if !allowed {
            faults.push(format!("{}: may not use {folder}", member.folder));
        }
        // Injection is compiled in by a feature of whoever wants it, never by a manifest.
        let injects = dependency.features.iter().any(|feature| feature == "injection");
        if injects && !dependency.is_dev {
            faults.push(format!(
                "{}: turns on the injection of {folder} for everyone",
                member.folder
            ));
        }
    }
    faults
}

/// Libraries that a crate names, in tests too, and that are not its to name.
fn others(member: &Member) -> Vec<String> {
    let named = |name: &str| {
        member
            .dependencies
            .iter()
            .any(|dependency| dependency.package == name)
    };
    ONLY.iter()
        .filter(|(name, folders)| named(name) && !folders.contains(&member.folder.as_str()))
        .map(|(name, folders)| format!("{}: only {} may name {name}", member.folder, folders.join(", ")))
        .collect()
}
