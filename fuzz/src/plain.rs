//! The program without libFuzzer: feeds the files that are named, or writes the seeds.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people at a terminal"
)]

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use tidegate_fuzz::{TARGETS, Target, seeds, target};

const USAGE: &str = "usage: tidegate-fuzz list\n       tidegate-fuzz replay TARGET FILE...\n       tidegate-fuzz seeds FOLDER";

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["list"] => {
            for target in TARGETS {
                println!("{}", target.name);
            }
            Ok(())
        }
        ["replay", name, files @ ..] if !files.is_empty() => match target(name) {
            Some(target) => replay(target, files),
            None => Err(io::Error::other(format!("{name}: no such target"))),
        },
        ["seeds", folder] => write_seeds(Path::new(folder)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tidegate-fuzz: {error}");
            ExitCode::FAILURE
        }
    }
}

fn replay(target: &Target, files: &[&str]) -> io::Result<()> {
    for file in files {
        println!("{file}");
        target.feed(&fs::read(file)?);
    }
    Ok(())
}

/// One file for each seed, below a folder for each target.
fn write_seeds(folder: &Path) -> io::Result<()> {
    for target in TARGETS {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        for (index, seed) in seeds::of(target.name).iter().enumerate() {
            fs::write(folder.join(format!("seed-{index:02}")), seed)?;
        }
    }
    Ok(())
}
