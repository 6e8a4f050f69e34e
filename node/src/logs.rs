//! A node's log, on stderr.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// Sends all that is logged from now on to stderr.
pub(crate) fn log_to_stderr(config: &LogConfig) {
    let asked = std::env::var(EnvFilter::DEFAULT_ENV).is_ok_and(|filter| !filter.is_empty());
    let filter = if asked {
        EnvFilter::from_default_env()
    } else {
        EnvFilter::new(&config.filter)
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    // An error says that a subscriber is set already.
    let _ = match config.format {
        LogFormat::Text => subscriber.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
}
