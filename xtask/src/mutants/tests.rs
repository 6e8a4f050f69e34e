//! The table and the sites in the tree name the same wrong lines.

use std::collections::BTreeSet;
use std::path::Path;

use super::list::MUTANTS;
use crate::process::Process;
use crate::workspace;

/// What precedes a name at a site; put together here, so that this file has none.
const SITE: &str = concat!("tidegate_mutants", "::on(\"");

/// The files of the tree that match, and what is in them.
fn files(root: &Path, pattern: &str) -> impl Iterator<Item = (String, String)> {
    let listed = Process::new("git", root)
        .words("ls-files --cached --others --exclude-standard")
        .argument(pattern)
        .output()
        .unwrap();
    let root = root.to_path_buf();
    let paths: Vec<String> = listed.lines().map(str::to_owned).collect();
    paths.into_iter().filter_map(move |path| {
        let text = std::fs::read_to_string(root.join(&path)).ok()?;
        Some((path, text))
    })
}

fn sites(root: &Path) -> BTreeSet<String> {
    files(root, "*.rs")
        .flat_map(|(_, text)| {
            let names = text.split(SITE).skip(1).filter_map(|rest| rest.split_once('"'));
            names.map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn the_table_names_each_wrong_line_of_the_tree_and_no_other() {
    let names: BTreeSet<String> = MUTANTS.iter().map(|mutant| mutant.name.to_owned()).collect();
    assert_eq!(names.len(), MUTANTS.len(), "a name stands for one wrong line");
    assert_eq!(sites(&workspace::root().unwrap()), names);
}

#[test]
fn each_is_looked_for_somewhere() {
    assert!(MUTANTS.iter().all(|mutant| !mutant.searches.is_empty()));
}

#[test]
fn what_looks_for_them_does_not_know_of_them() {
    let root = workspace::root().unwrap();
    let manifest = std::fs::read_to_string(root.join("sim/Cargo.toml")).unwrap();
    assert!(!manifest.contains("mutants"));
    let found = files(&root, "sim/*.rs").find(|(_, text)| text.contains("mutant"));
    assert_eq!(found.map(|(path, _)| path), None);
}

#[test]
fn no_feature_turns_one_on() {
    let root = workspace::root().unwrap();
    for (path, text) in files(&root, "*Cargo.toml") {
        let features = text.split("[features]").nth(1).unwrap_or_default();
        let features = features.split("\n[").next().unwrap_or_default();
        assert!(!features.contains("mutants"), "{path}");
        let dependencies = text.split("tidegate-mutants = ").count() - 1;
        let behind = text
            .split("[target.'cfg(tidegate_mutants)'.dependencies]\ntidegate-mutants = ")
            .count()
            - 1;
        // The workspace says where it is; whoever depends on it does so behind the cfg.
        assert!(path == "Cargo.toml" || dependencies == behind, "{path}");
    }
}
