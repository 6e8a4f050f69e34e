//! The command line: what there is, and how each ends.

mod asking;
mod balancing;
mod barriers;
mod cluster;
mod completions;
mod consent;
mod exit;
mod failure;
mod inject;
mod interrupt;
mod journal;
mod load;
mod moves;
mod nodes;
mod output;
mod rows;
mod sessions;
mod sources;
mod status;
mod tables;
mod tablets;
#[cfg(test)]
mod tests;
mod throttle;
mod units;
mod verify;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use self::asking::Asking;
pub(crate) use self::exit::Exit;
use self::failure::Failure;
use self::interrupt::Interrupt;
use self::output::Output;
use crate::api::Silent;
use crate::{certs, demo, serve};

/// What is said below the commands.
const AFTER_HELP: &str = "\
Exit codes:
  0    done
  1    refused, or something is wrong: verify found differences, status is not well,
       get found no row, serve could not start or must not run
  2    bad arguments or input
  3    no answer from the node: nothing was changed
  4    the outcome is unknown: it may have been done or not
  130  interrupted

Commands that ask a node take --admin URL (or TIDEGATE_ADMIN); any node of the cluster will do. With --json they print
one object or array on stdout and nothing else there. Messages go to stderr; with --json the error that ends a command
is one object in the last line there: `error`, `try` where it knows more than `error` says, `exit` and, where the node
refused, its `problem` (RFC 9457).";

/// Moves tablets between nodes so that a transfer that failed can never have a late effect
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, arg_required_else_help = true, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a node until it is told to stop.
    Serve(serve::ServeArgs),
    /// Makes a private authority, and the keys and certificates of nodes.
    Certs(certs::CertsArgs),
    Init(cluster::InitArgs),
    Join(cluster::JoinArgs),
    Status(status::StatusArgs),
    Nodes(nodes::NodesArgs),
    Tables(tables::TablesArgs),
    Tablets(tablets::TabletsArgs),
    Move(moves::MoveArgs),
    Cancel(moves::CancelArgs),
    Moves(moves::MovesArgs),
    AllowFewerSources(sources::AllowFewerSourcesArgs),
    Sessions(sessions::SessionsArgs),
    Barriers(barriers::BarriersArgs),
    Balancing(balancing::BalancingArgs),
    Drain(nodes::DrainArgs),
    Resume(nodes::ResumeArgs),
    Exclude(nodes::ExcludeArgs),
    Disconnect(nodes::DisconnectArgs),
    Throttle(throttle::ThrottleArgs),
    Journal(journal::JournalArgs),
    Put(rows::PutArgs),
    Get(rows::GetArgs),
    Delete(rows::DeleteArgs),
    Scan(rows::ScanArgs),
    Load(load::LoadArgs),
    Verify(verify::VerifyArgs),
    Inject(inject::InjectArgs),
    /// Starts a cluster in this process, moves real data around under faults, and checks every row.
    Demo(demo::DemoArgs),
    Completions(completions::CompletionsArgs),
}

/// Does what the arguments say.
pub(crate) fn main() -> ExitCode {
    let matches = match Cli::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) if error.use_stderr() && std::env::args_os().any(|word| word == "--json") => {
            let text = error.render().to_string();
            let what = text.trim().trim_start_matches("error: ");
            return Failure::arguments(what, "").complain(true).into();
        }
        Err(error) => error.exit(),
    };
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let ended = match cli.command {
        Command::Demo(args) => return demo::main(args),
        Command::Serve(args) => return serve::main(args),
        Command::Certs(args) => return certs::main(&args),
        Command::Status(args) => args.run(),
        Command::Nodes(args) => args.run(),
        Command::Tables(args) => args.run(),
        Command::Tablets(args) => args.run(),
        Command::Move(args) => args.run(),
        Command::Cancel(args) => args.run(),
        Command::Moves(args) => args.run(),
        Command::AllowFewerSources(args) => args.run(),
        Command::Sessions(args) => args.run(),
        Command::Barriers(args) => args.run(),
        Command::Balancing(args) => args.run(),
        Command::Drain(args) => args.run(),
        Command::Resume(args) => args.run(),
        Command::Exclude(args) => args.run(),
        Command::Disconnect(args) => args.run(),
        Command::Throttle(args) => args.run(),
        Command::Journal(args) => args.run(),
        Command::Put(args) => args.run(),
        Command::Get(args) => args.run(),
        Command::Delete(args) => args.run(),
        Command::Scan(args) => args.run(),
        Command::Verify(args) => args.run(),
        Command::Inject(args) => args.run(),
        Command::Load(args) => args.run(),
        Command::Init(args) => args.run(),
        Command::Join(args) => args.run(),
        Command::Completions(args) => args.run(),
    };
    let complain = |failure: Failure| failure.complain(wants_json(&matches));
    ended.unwrap_or_else(complain).into()
}

/// Whether the command, or the one below it, was asked for JSON.
fn wants_json(matches: &ArgMatches) -> bool {
    let here = matches.try_get_one::<bool>("json").ok().flatten() == Some(&true);
    here || matches.subcommand().is_some_and(|(_, below)| wants_json(below))
}

/// Says who did not answer, on a line of its own; nothing, if everybody did.
fn silent_line(silent: &[Silent]) -> String {
    let all: Vec<String> = silent
        .iter()
        .map(|silent| format!("\nno answer from node {}: {}", silent.node, silent.why))
        .collect();
    all.concat()
}
