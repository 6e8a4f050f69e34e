//! Rules for Cargo.toml.

use std::collections::BTreeSet;

use super::{Fault, File};

pub(super) fn faults(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    let is_root = file.path == "Cargo.toml";
    let mut section = "";
    let mut before = "";
    for (index, line) in file.text.lines().enumerate() {
        let mut fault = |rule: &str| faults.push(file.fault(index + 1, rule));
        let is_entry = line.contains('=') && !line.starts_with([' ', '#', ']']);
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
        } else if is_entry && is_root && section == "workspace.dependencies" {
            let is_ours = line.starts_with("tidegate");
            if !is_ours && !line.contains("default-features = false") {
                fault("external crates come without their default features");
            }
        } else if is_entry && !is_root && section.ends_with("dependencies") {
            // Packaging leaves out what tests use by path alone: that is how two crates of ours may test each other.
            let is_tested_with = section == "dev-dependencies" && line.starts_with("tidegate");
            if !line.contains("workspace = true") && !is_tested_with {
                fault("every external crate stands once, in the root Cargo.toml");
            }
        } else if is_entry && section == "features" {
            let is_default = line.starts_with("default ") || line.starts_with("default=");
            if !is_default && !before.starts_with('#') {
                fault("a feature has a comment that says what it is for");
            }
            if is_default && line.replace(' ', "") != "default=[]" {
                fault("nothing is on by default");
            }
        }
        before = line;
    }
    if !is_root && !file.text.contains("\n[lints]\nworkspace = true\n") {
        faults.push(file.fault(0, "the lints are those of the workspace"));
    }
    faults
}

/// Dependencies that no code names: of a crate, and of the workspace.
pub(super) fn unused(files: &[File]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut wanted = BTreeSet::new();
    for manifest in files.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let folder = manifest.path.trim_end_matches("Cargo.toml");
        let code: Vec<&str> = files
            .iter()
            .filter(|file| file.is_rust() && file.path.starts_with(folder))
            .map(|file| file.text.as_str())
            .collect();
        for (line, name) in dependencies(&manifest.text, |section| section.ends_with("dependencies")) {
            wanted.insert(name);
            let crate_name = name.replace('-', "_");
            if !code.iter().any(|text| text.contains(&crate_name)) {
                faults.push(manifest.fault(line, format!("no code here names {name}")));
            }
        }
    }
    for root in files.iter().filter(|file| file.path == "Cargo.toml") {
        for (line, name) in dependencies(&root.text, |section| section == "workspace.dependencies") {
            if !wanted.contains(name) {
                faults.push(root.fault(line, format!("no crate uses {name}")));
            }
        }
    }
    faults
}

/// The names in the sections that are asked for, with their lines.
fn dependencies(text: &str, is_asked: fn(&str) -> bool) -> Vec<(usize, &str)> {
    let mut section = "";
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
        } else if is_asked(section)
            && !line.starts_with([' ', '#', ']', '}'])
            && let Some((name, _)) = line.split_once([' ', '=', '.'])
        {
            found.push((index + 1, name));
        }
    }
    found
}
