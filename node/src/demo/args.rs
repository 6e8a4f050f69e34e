//! What the demo can be told, and whether that makes sense.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use thiserror::Error;
use tidegate_tablets::Table;

use super::input::has_rows;

/// Nodes that fit into one process without trouble.
const NODES_MAX: u32 = 64;

/// How the nodes talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TransportKind {
    /// In memory.
    Mem,
    /// QUIC on loopback, with certificates made on the spot.
    Quic,
    /// TCP on loopback, with certificates made on the spot.
    Tcp,
}

impl TransportKind {
    /// Its name, as on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Mem => "mem",
            Self::Quic => "quic",
            Self::Tcp => "tcp",
        }
    }
}

/// Where the metadata is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MetadataKind {
    /// On Raft: a copy of the log on each node's disk.
    Raft,
    /// In one log in memory, which never fails.
    Local,
}

impl MetadataKind {
    /// Its name, as on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Raft => "raft",
            Self::Local => "local",
        }
    }
}

/// What goes wrong while tablets move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Faults {
    /// Nothing.
    None,
    /// Connections are cut, the coordinator is replaced.
    Some,
    /// That, a cancelled move, and the story of the late write.
    All,
}

/// What is said below the options.
const AFTER_HELP: &str = "\
Exit codes: 0 when all held, 1 when a check failed, 2 on bad arguments or input, 130 when interrupted.

Logs go to stderr. RUST_LOG=warn shows every call that failed, RUST_LOG=debug more.

Examples:
  tidegate demo --limit 32MiB
  tidegate demo --unfenced                          deleted rows come back
  tidegate demo --input /usr/share --tablets 64 --nodes 5
  tidegate demo --json --quiet --transport mem --seed 7";

/// Starts a cluster in this process, moves real data around under faults, and checks every row.
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DemoArgs {
    /// Load the files below this directory [default: the sources that cargo has downloaded].
    #[arg(long, value_name = "DIR")]
    pub(crate) input: Option<PathBuf>,

    /// Load at most this much, such as 32MiB.
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    pub(crate) limit: ByteSize,

    /// How the nodes talk.
    #[arg(long, value_enum, default_value_t = TransportKind::Quic)]
    pub(crate) transport: TransportKind,

    /// Where the metadata is kept.
    #[arg(long, value_enum, default_value_t = MetadataKind::Raft)]
    pub(crate) metadata: MetadataKind,

    /// Nodes of the cluster.
    #[arg(long, default_value_t = 4)]
    pub(crate) nodes: u32,

    /// Replicas of each tablet; at least one node more is needed, to move to.
    #[arg(long, default_value_t = 3)]
    pub(crate) replicas: u32,

    /// Tablets of the table.
    #[arg(long, default_value_t = 32)]
    pub(crate) tablets: u32,

    /// How often every tablet moves; faults come in the first round.
    #[arg(long, default_value_t = 2)]
    pub(crate) rounds: u32,

    /// Seed of what clients do.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// What goes wrong meanwhile.
    #[arg(long, value_enum, default_value_t = Faults::All)]
    pub(crate) faults: Faults,

    /// Run the cluster as people build it without sessions, and see what that does to the rows.
    #[arg(long)]
    pub(crate) unfenced: bool,

    /// Keep the nodes' data here [default: a temporary directory, removed at the end].
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Show no progress; errors, and what was left out of the input, are still told.
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// Print one JSON object on stdout instead of the summary.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments that make sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The directory to load.
    pub(crate) input: PathBuf,
    /// How many bytes of it at most.
    pub(crate) limit: u64,
}

/// Why the demo cannot run as it was told to: exit code 2.
#[derive(Debug, Error)]
pub(crate) enum ArgsError {
    #[error("--{what} is zero")]
    Zero { what: &'static str },
    #[error("--{what} is {given}, more than {max}")]
    TooMany {
        what: &'static str,
        given: u32,
        max: u32,
    },
    #[error("{replicas} replicas do not fit on {nodes} nodes")]
    TooFewNodes { replicas: u32, nodes: u32 },
    #[error("{replicas} replicas on {nodes} nodes leave no spare node to move to: give --nodes {more}", more = .nodes + 1)]
    NoSpareNode { replicas: u32, nodes: u32 },
    #[error("neither CARGO_HOME nor a home directory is known: name a directory with --input DIR")]
    NoDefaultInput,
    #[error("the input directory {path} cannot be read: name another with --input DIR", path = .path.display())]
    Input { path: PathBuf, source: io::Error },
    #[error("the input {path} is not a directory", path = .path.display())]
    InputNotDirectory { path: PathBuf },
    #[error("no readable file that is not empty lies below {path}", path = .path.display())]
    InputEmpty { path: PathBuf },
    #[error("the data directory {path} cannot be used", path = .path.display())]
    DataDir { path: PathBuf, source: io::Error },
    #[error("the data directory {path} lies in the input directory: name one outside of it", path = .path.display())]
    DataDirInInput { path: PathBuf },
    #[error("the data directory {path} is in use, or holds something else: name an empty or a new one", path = .path.display())]
    DataDirInUse { path: PathBuf },
}

impl DemoArgs {
    /// Whether it all makes sense; looks at the directories, and changes nothing.
    ///
    /// # Errors
    ///
    /// [`ArgsError`], for a person to read.
    pub(crate) fn check(&self) -> Result<Plan, ArgsError> {
        self.check_numbers()?;
        let input = match &self.input {
            Some(input) => input.clone(),
            None => default_input().ok_or(ArgsError::NoDefaultInput)?,
        };
        check_input(&input)?;
        if let Some(dir) = &self.data_dir {
            check_data_dir(dir)?;
            if lies_in(dir, &input) {
                return Err(ArgsError::DataDirInInput { path: dir.clone() });
            }
        }
        Ok(Plan {
            input,
            limit: self.limit.as_u64(),
        })
    }

    fn check_numbers(&self) -> Result<(), ArgsError> {
        let (nodes, replicas) = (self.nodes, self.replicas);
        for (what, number) in [
            ("tablets", self.tablets),
            ("replicas", replicas),
            ("nodes", nodes),
        ] {
            if number == 0 {
                return Err(ArgsError::Zero { what });
            }
        }
        if self.limit.as_u64() == 0 {
            return Err(ArgsError::Zero { what: "limit" });
        }
        for (what, given, max) in [
            ("nodes", nodes, NODES_MAX),
            ("tablets", self.tablets, Table::TABLETS_MAX),
        ] {
            if given > max {
                return Err(ArgsError::TooMany { what, given, max });
            }
        }
        if replicas > nodes {
            return Err(ArgsError::TooFewNodes { replicas, nodes });
        }
        if replicas == nodes {
            return Err(ArgsError::NoSpareNode { replicas, nodes });
        }
        Ok(())
    }
}

fn default_input() -> Option<PathBuf> {
    let cargo = std::env::var_os("CARGO_HOME")
        .filter(|home| !home.is_empty())
        .map(PathBuf::from);
    let cargo = cargo.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))?;
    Some(cargo.join("registry").join("src"))
}

fn check_input(input: &Path) -> Result<(), ArgsError> {
    let path = || input.to_owned();
    let found = fs::metadata(input).map_err(|source| ArgsError::Input { path: path(), source })?;
    if !found.is_dir() {
        return Err(ArgsError::InputNotDirectory { path: path() });
    }
    fs::read_dir(input).map_err(|source| ArgsError::Input { path: path(), source })?;
    if has_rows(input) {
        Ok(())
    } else {
        Err(ArgsError::InputEmpty { path: path() })
    }
}

fn check_data_dir(dir: &Path) -> Result<(), ArgsError> {
    match fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(ArgsError::DataDirInUse { path: dir.to_owned() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(ArgsError::DataDir {
            path: dir.to_owned(),
            source,
        }),
    }
}

/// Whether what the nodes write there would be read as input.
fn lies_in(dir: &Path, input: &Path) -> bool {
    match (std::path::absolute(dir), std::path::absolute(input)) {
        (Ok(dir), Ok(input)) => dir.starts_with(input),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        demo: DemoArgs,
    }

    fn parse(args: &[&str]) -> Result<DemoArgs, clap::Error> {
        Cli::try_parse_from(["demo"].iter().chain(args)).map(|cli| cli.demo)
    }

    fn check(args: &[&str]) -> Result<Plan, ArgsError> {
        let input = tempfile::tempdir().expect("a directory");
        fs::write(input.path().join("file"), "text").expect("writes");
        let mut args = parse(args).expect("parses");
        args.input.get_or_insert_with(|| input.path().to_owned());
        args.check()
    }

    #[test]
    fn the_defaults_are_those_of_the_readme() {
        let args = parse(&[]).expect("parses");
        assert_eq!((args.nodes, args.replicas, args.tablets), (4, 3, 32));
        assert_eq!(args.limit, ByteSize::mib(256));
        assert_eq!((args.transport, args.faults), (TransportKind::Quic, Faults::All));
        assert_eq!(args.metadata, MetadataKind::Raft);
        assert_eq!(check(&[]).expect("makes sense").limit, 256 << 20);
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(check(&["--limit", "32MiB"]).expect("makes sense").limit, 32 << 20);
        assert_eq!(check(&["--limit", "1000"]).expect("makes sense").limit, 1000);
        let refused = parse(&["--limit", "much"]).expect_err("is no size");
        assert_eq!(refused.exit_code(), 2);
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        assert!(matches!(
            check(&["--tablets", "0"]),
            Err(ArgsError::Zero { what: "tablets" })
        ));
        assert!(matches!(
            check(&["--replicas", "0"]),
            Err(ArgsError::Zero { what: "replicas" })
        ));
        assert!(matches!(
            check(&["--limit", "0"]),
            Err(ArgsError::Zero { what: "limit" })
        ));
        assert!(matches!(
            check(&["--replicas", "5"]),
            Err(ArgsError::TooFewNodes { .. })
        ));
        assert!(matches!(
            check(&["--nodes", "1000"]),
            Err(ArgsError::TooMany { .. })
        ));
        let error = check(&["--replicas", "4"]).expect_err("no spare node");
        assert_eq!(
            error.to_string(),
            "4 replicas on 4 nodes leave no spare node to move to: give --nodes 5"
        );
    }

    #[test]
    fn directories_that_cannot_serve_are_refused() {
        let empty = tempfile::tempdir().expect("a directory");
        let empty_path = empty.path().to_str().expect("text");
        assert!(matches!(
            check(&["--input", "/no/such/place"]),
            Err(ArgsError::Input { .. })
        ));
        assert!(matches!(
            check(&["--input", empty_path]),
            Err(ArgsError::InputEmpty { .. })
        ));
        check(&["--data-dir", empty_path]).expect("an empty one will do");
        let new = empty.path().join("new");
        check(&["--data-dir", new.to_str().expect("text")]).expect("a new one will do");
        assert!(!new.exists(), "checking changes nothing");
        let full = tempfile::tempdir().expect("a directory");
        fs::write(full.path().join("file"), "text").expect("writes");
        let (input, inside) = (full.path(), full.path().join("data"));
        let (input, inside) = (input.to_str().expect("text"), inside.to_str().expect("text"));
        assert!(matches!(
            check(&["--input", input, "--data-dir", inside]),
            Err(ArgsError::DataDirInInput { .. })
        ));
        fs::write(empty.path().join("lock"), "").expect("writes");
        assert!(matches!(
            check(&["--data-dir", empty_path]),
            Err(ArgsError::DataDirInUse { .. })
        ));
        assert!(matches!(
            check(&["--input", empty_path]),
            Err(ArgsError::InputEmpty { .. })
        ));
        let file = empty.path().join("lock");
        let file = file.to_str().expect("text");
        assert!(matches!(
            check(&["--input", file]),
            Err(ArgsError::InputNotDirectory { .. })
        ));
        assert!(matches!(
            check(&["--data-dir", file]),
            Err(ArgsError::DataDir { .. })
        ));
    }
}
