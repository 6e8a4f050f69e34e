//! How a node is run: `node.toml`, and what flags say instead.

mod check;
mod file;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use tidegate_tablets::NodeId;
use tidegate_transport_quic::MTU_JUMBO;

pub(crate) use self::file::LogFormat;
use crate::network::NetworkKind;

/// Where nodes listen, unless they are told otherwise.
const DEFAULT_LISTEN: &str = "127.0.0.1:7400";
const DEFAULT_ADMIN: &str = "127.0.0.1:7480";
/// A node that hears of no leader would fill its log with the library's elections: some forty lines in a second.
const DEFAULT_FILTER: &str = "info,openraft=error";

/// How a node is run. Every path in it can be opened from the working directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodeConfig {
    /// The node's number, for ever.
    pub(crate) node: NodeId,
    /// Where it keeps its data.
    pub(crate) data: PathBuf,
    /// Where it listens for other nodes.
    pub(crate) listen: SocketAddr,
    /// What it talks to other nodes over.
    pub(crate) transport: NetworkKind,
    /// What other nodes dial, `host:port`; what it listens on where nothing is said.
    pub(crate) advertise: Option<String>,
    /// The rack it stands in.
    pub(crate) rack: Option<String>,
    pub(crate) tls: TlsConfig,
    pub(crate) admin: AdminConfig,
    /// Where some other nodes are to be found, as long as the metadata does not say.
    pub(crate) peers: BTreeMap<NodeId, String>,
    pub(crate) log: LogConfig,
    pub(crate) limits: LimitsConfig,
    pub(crate) quic: QuicPath,
}

/// The longest path between its nodes, for QUIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QuicPath {
    /// What one stream is to carry there.
    pub(crate) bytes_per_second: u64,
    pub(crate) round_trip: Duration,
    /// The longest datagram that is tried; what the path does carry is found.
    pub(crate) mtu_max: u16,
}

impl Default for QuicPath {
    /// 10 Gbit/s within a data centre, jumbo frames where there are some.
    fn default() -> Self {
        Self {
            bytes_per_second: 1_250_000_000,
            round_trip: Duration::from_micros(800),
            mtu_max: MTU_JUMBO,
        }
    }
}

/// What it proves itself with towards other nodes. PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsConfig {
    pub(crate) ca: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Its admin API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AdminConfig {
    pub(crate) listen: SocketAddr,
    /// The URL under which others find it.
    pub(crate) advertise: String,
    /// Who does not show what is in this file is refused.
    pub(crate) token_file: Option<PathBuf>,
    /// Certificate and key, PEM: both, or neither.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
}

/// What it writes to stderr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogConfig {
    pub(crate) format: LogFormat,
    /// As `RUST_LOG`, which counts more where it is set.
    pub(crate) filter: String,
}

/// Its bounds; what is not said goes by the crates' defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LimitsConfig {
    pub(crate) send_bytes_per_second: Option<NonZeroU64>,
    pub(crate) receive_bytes_per_second: Option<NonZeroU64>,
    /// Streams sent at once.
    pub(crate) sends: Option<usize>,
    /// Streams received at once.
    pub(crate) receives: Option<usize>,
}

/// What the flags say; each counts more than the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Overrides {
    pub(crate) node: Option<u64>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) listen: Option<String>,
    pub(crate) advertise: Option<String>,
    pub(crate) rack: Option<String>,
    pub(crate) admin_listen: Option<String>,
    pub(crate) log_format: Option<LogFormat>,
    pub(crate) log_filter: Option<String>,
}

/// What is wrong with a configuration: correct it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum ConfigError {
    #[error("the configuration {} cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// No TOML, a key that nobody knows, or a value of another kind; says where.
    #[error("the configuration {} makes no sense:\n{source}", path.display())]
    Malformed {
        path: PathBuf,
        source: Box<toml::de::Error>,
    },
    #[error("`{key}` is missing")]
    Missing { key: &'static str },
    #[error("`{key}`: {reason}")]
    Wrong { key: String, reason: String },
}

impl NodeConfig {
    /// Reads a file. What it names by relative paths lies beside it; what a flag names does not.
    pub(crate) fn load(path: &Path, flags: Overrides) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text, path, flags)
    }

    fn parse(text: &str, path: &Path, flags: Overrides) -> Result<Self, ConfigError> {
        let file: file::File = toml::from_str(text).map_err(|source| ConfigError::Malformed {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        check::check(file, path.parent().unwrap_or(Path::new("")), flags)
    }
}
