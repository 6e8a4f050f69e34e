//! What would be published builds from what is in the package.

use anyhow::Result;

use crate::process::Process;
use crate::step::{Context, Outcome};

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    // All at once: each is built against the packages of the others, as none of them is in the registry yet.
    let mut process = Process::cargo(&context.root).words("package --locked --allow-dirty");
    let mut packages = 0;
    for member in context.members.iter().filter(|member| member.is_published) {
        process = process.argument("--package").argument(&member.package);
        packages += 1;
    }
    process.run()?;
    Ok(Outcome::Passed(format!("{packages} packages")))
}
