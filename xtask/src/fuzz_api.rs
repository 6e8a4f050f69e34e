//! The admin API, asked by schemathesis what its own document makes up.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::process::Process;
use crate::step::{Context, Outcome};

/// What is installed, all of it: what schemathesis itself needs is among it.
const REQUIREMENTS: &str = "xtask/schemathesis.txt";
/// Tells the test where python finds it.
const VARIABLE: &str = "TIDEGATE_SCHEMATHESIS";
/// As the other tests are built, so that nothing is built for this one.
const TEST: &str = "test --locked --workspace --all-features --test processes -- --exact --nocapture \
                    fuzzed::no_request_is_too_much_for_the_admin_api";

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    let tool = match install(context) {
        Ok(tool) => tool,
        Err(error) => {
            let reason = format!("schemathesis is missing, the admin API was NOT fuzzed: {error:#}");
            return Ok(Outcome::Skipped(reason));
        }
    };
    let (mut ran, mut cases) = (false, String::new());
    let code = Process::cargo(&context.root)
        .environment(VARIABLE, tool)
        .words(TEST)
        .run_lines(|line| {
            ran |= line.contains("1 passed");
            if line.contains("generated") {
                line.trim().clone_into(&mut cases);
            }
        })?;
    if code != Some(0) {
        bail!("the admin API answered what it must not: the report is above");
    }
    if !ran {
        bail!("the test did not run");
    }
    Ok(Outcome::Passed(cases))
}

/// The directory that python finds it in, below the target directory; installed there when missing.
fn install(context: &Context) -> Result<PathBuf> {
    let wanted = fs::read_to_string(context.root.join(REQUIREMENTS))?;
    let tools = context.target.join("tools/schemathesis");
    // Written when all is there, so that half of it is never taken for the whole.
    let done = tools.join("installed.txt");
    if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(tools);
    }
    if tools.exists() {
        fs::remove_dir_all(&tools)?;
    }
    Process::new("python3", &context.root)
        .words("-m pip install --quiet --disable-pip-version-check --no-input --no-deps --only-binary :all:")
        .argument("--target")
        .argument(&tools)
        .argument("--requirement")
        .argument(REQUIREMENTS)
        .run()?;
    fs::write(done, wanted)?;
    Ok(tools)
}
