//! What is understood, what is refused, and that a refusal names its key.

use super::*;

const WHOLE: &str = r#"
node = 1
data = "data"
listen = "0.0.0.0:7401"
transport = "tcp"
advertise = "db-1.example:7401"
rack = "a"
[tls]
ca = "certs/ca.pem"
certificate = "certs/node-1.pem"
key = "/elsewhere/node-1.key"
[admin]
listen = "0.0.0.0:7481"
advertise = "https://db-1.example:7481"
token_file = "token"
certificate = "certs/admin-1.pem"
key = "certs/admin-1.key"
[peers]
2 = "127.0.0.1:7402"
3 = "[::1]:7403"
[log]
format = "json"
filter = "info,tidegate=debug"
[limits]
send_bytes_per_second = 1000000
receives = 3
"#;

const LEAST: &str = "node = 1\ndata = 'd'\n[tls]\nca = 'a'\ncertificate = 'b'\nkey = 'c'\n";

fn parse(text: &str) -> Result<NodeConfig, ConfigError> {
    NodeConfig::parse(text, Path::new("/etc/tidegate/node.toml"), Overrides::default())
}

#[test]
fn a_whole_file_is_understood_and_its_paths_lie_beside_it() {
    let config = parse(WHOLE).expect("is understood");
    let etc = Path::new("/etc/tidegate");
    assert_eq!(config.node, NodeId::new(1));
    assert_eq!(config.data, etc.join("data"));
    assert_eq!(config.listen.port(), 7401);
    assert_eq!(config.transport, NetworkKind::Tcp);
    assert_eq!(config.advertise.as_deref(), Some("db-1.example:7401"));
    assert_eq!(config.tls.certificate, etc.join("certs/node-1.pem"));
    assert_eq!(config.tls.key, Path::new("/elsewhere/node-1.key"));
    assert_eq!(config.admin.token_file, Some(etc.join("token")));
    assert_eq!(config.admin.advertise, "https://db-1.example:7481");
    assert_eq!(config.peers[&NodeId::new(3)], "[::1]:7403");
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.limits.send_bytes_per_second, NonZeroU64::new(1_000_000));
    assert_eq!((config.limits.sends, config.limits.receives), (None, Some(3)));
}

#[test]
fn a_long_path_has_wide_windows() {
    let text = LEAST.replacen(
        "[tls]",
        "[quic]\nbytes_per_second = 125000000\nround_trip_ms = 80\nmtu_max = 1452\n[tls]",
        1,
    );
    let limits = crate::network::quic_limits(&parse(&text).expect("is understood").quic);
    assert_eq!((limits.stream_window, limits.mtu_max), (10_000_000, 1452));
    let default = crate::network::quic_limits(&parse(LEAST).expect("is understood").quic);
    let crate_default = tidegate_transport_quic::QuicLimits::default();
    assert_eq!(
        (default.stream_window, default.send_window, default.mtu_max),
        (
            crate_default.stream_window,
            crate_default.send_window,
            crate_default.mtu_max
        )
    );
}

#[test]
fn the_least_file_has_the_documented_defaults() {
    let config = parse(LEAST).expect("is understood");
    assert_eq!(config.listen.to_string(), "127.0.0.1:7400");
    assert_eq!(config.transport, NetworkKind::Quic);
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:7480");
    assert_eq!(config.admin.advertise, "http://127.0.0.1:7480");
    assert_eq!((config.advertise, config.admin.token_file), (None, None));
    assert_eq!(config.log.filter, "info,openraft=error");
}

#[test]
fn flags_count_more_than_the_file_and_lie_where_they_are_said() {
    let flags = Overrides {
        node: Some(4),
        data: Some("here".into()),
        listen: Some("127.0.0.1:1".to_owned()),
        log_format: Some(LogFormat::Text),
        ..Overrides::default()
    };
    let config = NodeConfig::parse(WHOLE, Path::new("/etc/node.toml"), flags).expect("is understood");
    assert_eq!((config.node, config.listen.port()), (NodeId::new(4), 1));
    assert_eq!(config.data, Path::new("here"));
    assert_eq!(config.log.format, LogFormat::Text);
    assert_eq!(config.rack.as_deref(), Some("a"));
}

#[test]
fn every_refusal_names_its_key() {
    let with = |more: &str| format!("{LEAST}{more}");
    let instead = |from: &str, to: &str| WHOLE.replace(from, to);
    for (text, key) in [
        (LEAST.replace("node = 1", ""), "node"),
        (LEAST.replace("node = 1", "node = 0"), "node"),
        (LEAST.replace("data = 'd'", ""), "data"),
        ("node = 1\ndata = 'd'\n".to_owned(), "tls"),
        (LEAST.replace("ca = 'a'", ""), "ca"),
        (with("surprise = 1"), "surprise"),
        (with("[admin]\nlisten = 'localhost'"), "admin.listen"),
        (with("[admin]\nkey = 'k'"), "admin.certificate"),
        (with("[admin]\ncertificate = 'k'"), "admin.key"),
        (with("[admin]\nlisten = '10.0.0.1:1'"), "admin.certificate"),
        (with("[admin]\nadvertise = 'ftp://a'"), "admin.advertise"),
        (with("[peers]\ntwo = 'a:1'"), "peers.two"),
        (with("[peers]\n0 = 'a:1'"), "peers.0"),
        (with("[peers]\n2 = 'a'"), "peers.2"),
        (with("[log]\nformat = 'xml'"), "format"),
        (with("[log]\nfilter = 'a=b=c'"), "log.filter"),
        (with("[limits]\nsends = 0"), "limits.sends"),
        (with("[quic]\nmtu_max = 1000"), "quic.initial_mtu"),
        (with("[quic]\nbytes_per_second = 0"), "quic.bytes_per_second"),
        (
            with("[limits]\nsend_bytes_per_second = 0"),
            "limits.send_bytes_per_second",
        ),
        (instead("token_file = \"token\"\n", ""), "admin.token_file"),
        (
            instead("advertise = \"https://db-1.example:7481\"\n", ""),
            "admin.advertise",
        ),
        (instead("advertise = \"db-1.example:7401\"\n", ""), "advertise"),
        (instead("db-1.example:7401", "db-1.example"), "advertise"),
        (instead("0.0.0.0:7401", "nowhere"), "listen"),
        (instead("rack = \"a\"", "rack = \"\""), "rack"),
    ] {
        let error = parse(&text).expect_err(key).to_string();
        assert!(error.contains(key), "{key}: {error}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = NodeConfig::load(Path::new("/nowhere/node.toml"), Overrides::default());
    let error = error.expect_err("is not there").to_string();
    assert!(error.contains("/nowhere/node.toml"), "{error}");
}
