//! Rules for Cargo.toml.

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
