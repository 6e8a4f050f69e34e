//! From what was written to what is meant.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tidegate_tablets::{NodeAddress, NodeId, NodeInfo, StreamPermits};
use tracing_subscriber::EnvFilter;

use super::file::{Admin, File, Limits, LogFormat, Quic};
use super::{
    AdminConfig, ConfigError, DEFAULT_ADMIN, DEFAULT_FILTER, DEFAULT_LISTEN, LimitsConfig, LogConfig,
    NodeConfig, Overrides, QuicPath, TlsConfig,
};
use crate::network::{self, NetworkKind};

pub(super) fn check(file: File, beside: &Path, flags: Overrides) -> Result<NodeConfig, ConfigError> {
    let number = flags.node.or(file.node).ok_or(missing("node"))?;
    if number == 0 {
        return Err(wrong("node", "nodes are numbered from 1"));
    }
    let node = NodeId::new(number);
    let tls = file.tls.ok_or(missing("tls"))?;
    let data = match (flags.data, file.data) {
        (Some(data), _) => data,
        (None, Some(data)) => beside.join(data),
        (None, None) => return Err(missing("data")),
    };
    let listen = address("listen", flags.listen.or(file.listen), DEFAULT_LISTEN)?;
    let advertise = flags.advertise.or(file.advertise);
    match &advertise {
        Some(advertise) => host_and_port("advertise", advertise)?,
        None if listen.ip().is_unspecified() => {
            let reason = format!("other nodes cannot dial {listen}: say what they should dial");
            return Err(wrong("advertise", reason));
        }
        None => {}
    }
    let rack = flags.rack.or(file.rack);
    if rack
        .as_ref()
        .is_some_and(|rack| rack.is_empty() || rack.len() > NodeInfo::RACK_BYTES_MAX)
    {
        return Err(wrong("rack", "is empty or too long"));
    }
    let filter = flags
        .log_filter
        .or(file.log.filter)
        .unwrap_or(DEFAULT_FILTER.to_owned());
    EnvFilter::try_new(&filter).map_err(|error| wrong("log.filter", error.to_string()))?;
    Ok(NodeConfig {
        node,
        data,
        listen,
        transport: file.transport,
        advertise,
        rack,
        tls: TlsConfig {
            ca: beside.join(tls.ca),
            certificate: beside.join(tls.certificate),
            key: beside.join(tls.key),
        },
        admin: admin(file.admin, flags.admin_listen, beside)?,
        peers: peers(file.peers)?,
        log: LogConfig {
            format: flags.log_format.or(file.log.format).unwrap_or(LogFormat::Text),
            filter,
        },
        limits: limits(&file.limits)?,
        quic: quic(file.transport, file.quic)?,
    })
}

fn quic(transport: NetworkKind, file: Option<Quic>) -> Result<QuicPath, ConfigError> {
    let Some(file) = file else {
        return Ok(QuicPath::default());
    };
    if transport != NetworkKind::Quic {
        return Err(wrong("quic", "says nothing where `transport` is another"));
    }
    let default = QuicPath::default();
    let path = QuicPath {
        bytes_per_second: file.bytes_per_second.unwrap_or(default.bytes_per_second),
        round_trip: file
            .round_trip_ms
            .map_or(default.round_trip, Duration::from_millis),
        mtu_max: file.mtu_max.unwrap_or(default.mtu_max),
    };
    if path.bytes_per_second == 0 {
        return Err(wrong("quic.bytes_per_second", "is a number above 0"));
    }
    match network::quic_limits(&path).check() {
        Ok(()) => Ok(path),
        Err(error) => Err(wrong(format!("quic.{}", error.name), error.to_string())),
    }
}

fn admin(file: Admin, listen: Option<String>, beside: &Path) -> Result<AdminConfig, ConfigError> {
    let listen = address("admin.listen", listen.or(file.listen), DEFAULT_ADMIN)?;
    let in_place = |path: PathBuf| beside.join(path);
    let certificate = match (file.certificate, file.key) {
        (Some(certificate), Some(key)) => Some((in_place(certificate), in_place(key))),
        (None, None) => None,
        (Some(_), None) => return Err(missing("admin.key")),
        (None, Some(_)) => return Err(missing("admin.certificate")),
    };
    if !listen.ip().is_loopback() {
        let why = |what: &str| format!("{listen} can be reached from other machines: that needs {what}");
        if certificate.is_none() {
            let reason = why("a certificate and a key (`tidegate certs issue --admin`)");
            return Err(wrong("admin.certificate", reason));
        }
        if file.token_file.is_none() {
            return Err(wrong("admin.token_file", why("a token")));
        }
    }
    let advertise = match file.advertise {
        Some(url) => url,
        None if listen.ip().is_unspecified() => {
            let reason = format!("nobody can call {listen}: say under which URL it is found");
            return Err(wrong("admin.advertise", reason));
        }
        None if certificate.is_some() => format!("https://{listen}"),
        None => format!("http://{listen}"),
    };
    let rest = advertise
        .strip_prefix("https://")
        .or_else(|| advertise.strip_prefix("http://"));
    if rest.is_none_or(str::is_empty) || advertise.len() > NodeAddress::BYTES_MAX {
        return Err(wrong(
            "admin.advertise",
            format!("{advertise:?} is no http:// or https:// URL"),
        ));
    }
    Ok(AdminConfig {
        listen,
        advertise,
        token_file: file.token_file.map(in_place),
        certificate,
    })
}

fn peers(file: BTreeMap<String, String>) -> Result<BTreeMap<NodeId, String>, ConfigError> {
    let mut peers = BTreeMap::new();
    for (number, address) in file {
        let key = format!("peers.{number}");
        let Ok(id @ 1..) = number.parse::<u64>() else {
            return Err(wrong(key, "the key is no number of a node"));
        };
        host_and_port(&key, &address)?;
        peers.insert(NodeId::new(id), address);
    }
    Ok(peers)
}

fn limits(file: &Limits) -> Result<LimitsConfig, ConfigError> {
    let rate = |key: &str, rate: Option<u64>| match rate.map(NonZeroU64::new) {
        None => Ok(None),
        Some(None) => Err(wrong(
            key,
            "zero would stop all streams: leave it out for no limit",
        )),
        Some(some) => Ok(some),
    };
    let permits = |key: &str, permits: Option<u32>| match permits {
        None => Ok(None),
        Some(number) if (1..=StreamPermits::MAX).contains(&number) => Ok(Some(number as usize)),
        Some(_) => Err(wrong(
            key,
            format!("is a number from 1 to {}", StreamPermits::MAX),
        )),
    };
    Ok(LimitsConfig {
        send_bytes_per_second: rate("limits.send_bytes_per_second", file.send_bytes_per_second)?,
        receive_bytes_per_second: rate("limits.receive_bytes_per_second", file.receive_bytes_per_second)?,
        sends: permits("limits.sends", file.sends)?,
        receives: permits("limits.receives", file.receives)?,
    })
}

fn address(key: &str, written: Option<String>, default: &str) -> Result<SocketAddr, ConfigError> {
    let written = written.unwrap_or(default.to_owned());
    written
        .parse()
        .map_err(|_| wrong(key, format!("{written:?} is no address: write IP:PORT")))
}

fn host_and_port(key: &str, written: &str) -> Result<(), ConfigError> {
    match crate::peers::split_address(written) {
        Some(_) => Ok(()),
        None => Err(wrong(key, format!("{written:?} is no address: write HOST:PORT"))),
    }
}

const fn missing(key: &'static str) -> ConfigError {
    ConfigError::Missing { key }
}

fn wrong(key: impl Into<String>, reason: impl Into<String>) -> ConfigError {
    ConfigError::Wrong {
        key: key.into(),
        reason: reason.into(),
    }
}
