//! Every library crate alone: what builds in the workspace may do so only because a neighbour turned a feature on.

use anyhow::Result;

use crate::process::Process;
use crate::step::{Context, Outcome};

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    let mut checked = 0;
    for member in context.libraries() {
        let check = || {
            Process::cargo(&context.root)
                .words("check --locked --quiet --lib --no-default-features --package")
                .argument(&member.package)
        };
        check().run()?;
        checked += 1;
        for feature in member.features.iter().filter(|feature| *feature != "default") {
            check().argument("--features").argument(feature).run()?;
            checked += 1;
        }
    }
    Ok(Outcome::Passed(format!("{checked} builds")))
}
