//! The main job: it holds when fenced, and loses when not.

use anyhow::{Result, bail};

use crate::process::Process;
use crate::step::{Context, Outcome};

const RUN: &str = "run --locked --quiet --release --package tidegate -- demo --json --quiet --limit 32MiB";

/// With its metadata in one log in memory; quick, as the rest does not differ.
const LOCAL: [&str; 4] = ["--metadata", "local", "--transport", "mem"];

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    if !context.root.join("node/src/demo.rs").exists() {
        return Ok(Outcome::Skipped("the node has no demo yet".to_owned()));
    }
    expect(context, &[], 0, "\"ok\":true")?;
    expect(context, &["--transport", "mem"], 0, "\"ok\":true")?;
    expect(context, &["--transport", "tcp"], 0, "\"ok\":true")?;
    expect(context, &LOCAL, 0, "\"ok\":true")?;
    // Without sessions the story ends badly, and the check must see it: else it sees nothing.
    expect(context, &["--unfenced"], 1, "\"ok\":false")?;
    Ok(Outcome::passed())
}

fn expect(context: &Context, arguments: &[&str], code: i32, field: &str) -> Result<()> {
    let mut process = Process::cargo(&context.root).words(RUN);
    for argument in arguments {
        process = process.argument(argument);
    }
    let mut said = String::new();
    let exit = process.run_lines(|line| said.extend(line.chars().filter(|c| !c.is_whitespace())))?;
    if exit != Some(code) {
        bail!("the demo {arguments:?} should exit with {code}, but did so with {exit:?}");
    }
    if !said.contains(field) {
        bail!("the demo {arguments:?} should say {field}");
    }
    // A run that broke off exits with 1 too: what counts is that rows came back where nothing fences them off.
    let came_back = !said.contains("\"rows_resurrected\":0,");
    if came_back != (code == 1) {
        bail!("the demo {arguments:?}: rows came back: {came_back}");
    }
    Ok(())
}
