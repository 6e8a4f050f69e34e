//! The steps, in their order: the quick ones first, then those that find most, then those that take long to build.

use std::path::PathBuf;

use anyhow::Result;

use crate::workspace::{self, Member};
use crate::{checks, demo, deny, features, fuzz_api, layers, model, mutants, package, sim, tidy};

/// What every step knows.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) root: PathBuf,
    /// Where builds go, and what is installed for them.
    pub(crate) target: PathBuf,
    pub(crate) members: Vec<Member>,
}

impl Context {
    pub(crate) fn new(root: PathBuf) -> Result<Self> {
        let (target, members) = workspace::read(&root)?;
        Ok(Self {
            root,
            target,
            members,
        })
    }

    /// The crates that others depend on.
    pub(crate) fn libraries(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.is_library)
    }
}

/// What a step came to, if it did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It passed; what there is to say of it.
    Passed(String),
    /// It could not run, and why.
    Skipped(String),
}

impl Outcome {
    pub(crate) fn passed() -> Self {
        Self::Passed(String::new())
    }
}

/// One check.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Context) -> Result<Outcome>,
}

/// Everything.
pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        run: checks::fmt,
    },
    Step {
        name: "tidy",
        run: tidy::run,
    },
    Step {
        name: "layers",
        run: layers::run,
    },
    Step {
        name: "deny",
        run: deny::run,
    },
    Step {
        name: "advisories",
        run: deny::advisories,
    },
    Step {
        name: "clippy",
        run: checks::clippy,
    },
    Step {
        name: "doc",
        run: checks::doc,
    },
    Step {
        name: "test",
        run: checks::test,
    },
    Step {
        name: "fuzz-api",
        run: fuzz_api::run,
    },
    Step {
        name: "sim",
        run: sim::run,
    },
    Step {
        name: "model",
        run: model::run,
    },
    Step {
        name: "loom",
        run: checks::loom,
    },
    Step {
        name: "demo",
        run: demo::run,
    },
    Step {
        name: "features",
        run: features::run,
    },
    Step {
        name: "package",
        run: package::run,
    },
    Step {
        name: "mutants",
        run: mutants::step,
    },
];

/// The loop at the desk.
pub(crate) const FAST: &[Step] = &[
    Step {
        name: "fmt",
        run: checks::fmt,
    },
    Step {
        name: "tidy",
        run: tidy::run,
    },
    Step {
        name: "layers",
        run: layers::run,
    },
    Step {
        name: "clippy",
        run: checks::clippy_plain,
    },
    Step {
        name: "test",
        run: checks::test_fast,
    },
];

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_page_for_contributors_names_the_steps_in_their_order() {
        let page = fs::read_to_string(workspace::root().unwrap().join("CONTRIBUTING.md")).unwrap();
        let names: Vec<String> = STEPS.iter().map(|step| format!("`{}`", step.name)).collect();
        let line = names.join(", ");
        let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            page.contains(&line),
            "CONTRIBUTING.md does not have the steps as they are: {line}"
        );
        assert!(
            FAST.iter()
                .all(|fast| names.contains(&format!("`{}`", fast.name)))
        );
    }
}
