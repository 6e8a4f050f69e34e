//! `tidegate-sim scripts`.

use std::io;
use std::time::Instant;

use clap::Args;
use serde_json::json;
use tidegate_sim::scripts::{Script, all};

use super::Found;

/// Lines of a trace that are printed of a script that fails.
const LINES: usize = 200;

/// Which scripts to play.
#[derive(Debug, Args)]
pub(super) struct ScriptsArgs {
    /// This one alone.
    #[arg(long)]
    only: Option<String>,
    /// Say what each is about, and play none.
    #[arg(long)]
    list: bool,
    /// Print all that happens.
    #[arg(long)]
    trace: bool,
    /// Print one object in JSON.
    #[arg(long)]
    json: bool,
}

/// Plays scripts, one after the other.
pub(super) fn execute(args: &ScriptsArgs) -> io::Result<Found> {
    let begun = Instant::now();
    let is_meant = |script: &&Script| args.only.as_ref().is_none_or(|only| only == script.name);
    let scripts: Vec<&Script> = all().iter().filter(is_meant).collect();
    if scripts.is_empty() {
        return Err(io::Error::other(
            "there is no script of that name; `scripts --list` says which there are",
        ));
    }
    if args.list {
        for script in scripts {
            println!("{}: {}", script.name, script.about);
        }
        return Ok(Found::Nothing);
    }
    let mut violations = Vec::new();
    for script in &scripts {
        let report = script.run(!args.json)?;
        let ended = report.violation.as_ref();
        if !args.json {
            let last = report.trace.len().saturating_sub(LINES);
            let shown = match ended {
                _ if args.trace => &report.trace[..],
                Some(_) => &report.trace[last..],
                None => &[],
            };
            shown.iter().for_each(|line| println!("{line}"));
            match ended {
                None => println!("{}: passed", script.name),
                Some(found) => println!(
                    "{} breaks {}: {}\nreproduce: cargo xtask sim scripts --only {}",
                    script.name, found.invariant, found.text, script.name
                ),
            }
        }
        if let Some(found) = ended {
            violations.push(json!({
                "invariant": found.invariant,
                "script": script.name,
                "text": found.text,
            }));
        }
    }
    let found = if violations.is_empty() {
        Found::Nothing
    } else {
        Found::Violations
    };
    let seconds = begun.elapsed().as_secs_f64();
    if args.json {
        let object = json!({
            "scripts": scripts.len(),
            "seeds": 0,
            "states": 0,
            "depth": 0,
            "seconds": seconds,
            "violations": violations,
        });
        println!("{object}");
    } else {
        println!(
            "{} scripts in {seconds:.1} s; {} violations",
            scripts.len(),
            violations.len()
        );
    }
    Ok(found)
}
