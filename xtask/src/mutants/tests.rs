//! The table and the sites in the tree name the same wrong lines.

use std::collections::BTreeSet;
use std::path::Path;

use super::list::MUTANTS;
use crate::process::Process;
use crate::workspace;

/// What precedes a name at a site; put together here, so that this file has none.
const SITE: &str = concat!("tidegate_mutants", "::on(\"");

fn sites(root: &Path) -> BTreeSet<String> {
    let listed = Process::new("git", root)
        .words("ls-files --cached --others --exclude-standard *.rs")
        .output()
        .unwrap();
    let texts = listed
        .lines()
        .filter_map(|path| std::fs::read_to_string(root.join(path)).ok());
    texts
        .flat_map(|text| {
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
    assert!(MUTANTS.iter().any(|mutant| mutant.is_quick));
}

#[test]
fn what_looks_for_them_does_not_know_of_them() {
    let root = workspace::root().unwrap();
    let manifest = std::fs::read_to_string(root.join("sim/Cargo.toml")).unwrap();
    assert!(!manifest.contains("mutants"));
}
