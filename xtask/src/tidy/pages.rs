//! Rules for pages, and for every file alike.

use super::{Fault, File};
use crate::workspace::Member;

const README_LINES_MAX: usize = 60;

/// Paths of one machine. Put together here, so that this file does not break its own rules.
const MACHINE: &[&str] = &[
    concat!("/", "root/"),
    concat!("/", "home/"),
    concat!("/", "Users/"),
    concat!("/work", "/"),
    concat!("/tmp", "/t-"),
    concat!("C:", "\\"),
];
/// Where packages come from is a matter of one machine too.
const REGISTRIES: &[&str] = &[
    concat!("index.crates", ".io"),
    concat!("arti", "factory"),
    concat!("pypi", ".org"),
];
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// The pages at the top; whatever else lies there was left behind.
const TOP: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
];

/// Rules for any file.
pub(super) fn anywhere(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        if MACHINE.iter().any(|path| mentions(line, path)) {
            faults.push(file.fault(index + 1, "a path of one machine"));
        }
        if REGISTRIES.iter().any(|host| line.contains(host)) {
            faults.push(file.fault(index + 1, "a registry's host"));
        }
        if file.name() == "Cargo.lock" && line.starts_with("source = ") && !line.contains(CRATES_IO) {
            faults.push(file.fault(index + 1, "a source that is not crates.io"));
        }
    }
    if !file.path.contains('/') && file.path.ends_with(".md") && !TOP.contains(&file.path.as_str()) {
        faults.push(file.fault(0, "a page that does not belong at the top"));
    }
    faults
}

/// Whether a path begins here, and is not the tail of another one or of a URL.
fn mentions(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '}' | '>'))
    })
}

/// Rules that tie pages to crates.
pub(super) fn faults(files: &[File], members: &[Member]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let find = |path: &str| files.iter().find(|file| file.path == path);
    for member in members {
        let name = format!("`{}`", member.folder);
        for page in ["ARCHITECTURE.md", "README.md"] {
            let Some(file) = find(page) else { continue };
            let package = format!("`{}`", member.package);
            let names_it = [&name, &package]
                .iter()
                .any(|name| file.text.contains(name.as_str()));
            let links_it = file.text.contains(&format!("]({}", member.folder));
            let is_due = member.is_library || page != "README.md";
            if is_due && !names_it && !links_it {
                faults.push(file.fault(0, format!("does not mention the crate {}", member.folder)));
            }
        }
        if member.is_library {
            faults.extend(readme(member, find(&format!("{}/README.md", member.folder))));
        }
    }
    for page in TOP.iter().take(4).filter(|page| find(page).is_none()) {
        faults.push(Fault {
            path: (*page).to_owned(),
            line: 0,
            rule: "is missing".to_owned(),
        });
    }
    faults
}

fn readme(member: &Member, file: Option<&File>) -> Option<Fault> {
    let Some(file) = file else {
        let path = format!("{}/README.md", member.folder);
        return Some(Fault {
            path,
            line: 0,
            rule: "is missing".to_owned(),
        });
    };
    let lines = file.text.lines().count();
    (lines > README_LINES_MAX)
        .then(|| file.fault(0, format!("{lines} lines, and {README_LINES_MAX} are enough")))
}
