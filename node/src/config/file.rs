//! What a `node.toml` looks like.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::network::NetworkKind;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) node: Option<u64>,
    pub(super) data: Option<PathBuf>,
    pub(super) listen: Option<String>,
    #[serde(default)]
    pub(super) transport: NetworkKind,
    pub(super) advertise: Option<String>,
    pub(super) rack: Option<String>,
    pub(super) tls: Option<Tls>,
    #[serde(default)]
    pub(super) admin: Admin,
    #[serde(default)]
    pub(super) peers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) log: Log,
    #[serde(default)]
    pub(super) limits: Limits,
    pub(super) quic: Option<Quic>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) ca: PathBuf,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Admin {
    pub(super) listen: Option<String>,
    pub(super) advertise: Option<String>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    pub(super) format: Option<LogFormat>,
    pub(super) filter: Option<String>,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines: an object in each line.
    Json,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) send_bytes_per_second: Option<u64>,
    pub(super) receive_bytes_per_second: Option<u64>,
    pub(super) sends: Option<u32>,
    pub(super) receives: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Quic {
    pub(super) bytes_per_second: Option<u64>,
    pub(super) round_trip_ms: Option<u64>,
    pub(super) mtu_max: Option<u16>,
}
