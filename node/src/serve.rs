//! `tidegate serve`: a node, until it is told to stop.

mod certificates;
mod signals;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tracing::{error, info};

use self::signals::Signals;
use crate::admin::AdminServer;
use crate::config::{LogFormat, NodeConfig, Overrides};
use crate::logs;
use crate::running::Running;
use crate::telemetry::Metrics;

/// How long a stop in good order may take in all.
const STOP_DEADLINE: Duration = Duration::from_secs(45);

/// How long to wait for the runtime's threads, in the end.
const THREADS_DEADLINE: Duration = Duration::from_secs(3);

const FAILED: u8 = 1;
const BAD_INPUT: u8 = 2;
const INTERRUPTED: u8 = 130;

/// How a node is run. Flags count more than the file.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The node's configuration.
    #[arg(long, value_name = "FILE", default_value = "node.toml")]
    config: PathBuf,
    /// The node's number.
    #[arg(long, value_name = "N")]
    node: Option<u64>,
    /// Where it keeps its data.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where it listens for other nodes.
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<String>,
    /// What other nodes dial.
    #[arg(long, value_name = "HOST:PORT")]
    advertise: Option<String>,
    /// The rack it stands in.
    #[arg(long, value_name = "NAME")]
    rack: Option<String>,
    /// Where it listens for people and their tools.
    #[arg(long, value_name = "IP:PORT")]
    admin_listen: Option<String>,
    /// How a line of the log looks.
    #[arg(long, value_enum, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    /// What is logged, as in RUST_LOG.
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

impl ServeArgs {
    fn overrides(self) -> Overrides {
        Overrides {
            node: self.node,
            data: self.data,
            listen: self.listen,
            advertise: self.advertise,
            rack: self.rack,
            admin_listen: self.admin_listen,
            log_format: self.log_format,
            log_filter: self.log,
        }
    }
}

/// How a node came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// In good order.
    Stopped,
    /// At once, by a second signal or for want of time: what was acknowledged is on the disk all the same.
    Cut,
}

/// Runs a node, and says how it ended.
pub(crate) fn main(args: ServeArgs) -> ExitCode {
    let path = args.config.clone();
    let config = match NodeConfig::load(&path, args.overrides()) {
        Ok(config) => config,
        Err(error) => return complain(BAD_INPUT, &anyhow::Error::from(error)),
    };
    logs::log_to_stderr(&config.log);
    let runtime = match Runtime::new().context("starting the runtime") {
        Ok(runtime) => runtime,
        Err(error) => return complain(FAILED, &error),
    };
    let ended = runtime.block_on(serve(config));
    runtime.shutdown_timeout(THREADS_DEADLINE);
    match ended {
        Ok(End::Stopped) => ExitCode::SUCCESS,
        Ok(End::Cut) => ExitCode::from(INTERRUPTED),
        Err(error) => complain(FAILED, &error),
    }
}

fn complain(code: u8, error: &anyhow::Error) -> ExitCode {
    // Where nobody reads it, there is nobody to tell.
    let _ = writeln!(io::stderr(), "error: {error:#}");
    ExitCode::from(code)
}

async fn serve(config: NodeConfig) -> Result<End> {
    let mut signals = Signals::listen()?;
    let metrics = Metrics::install()?;
    // Before they are read: what is replaced while the node starts is read again.
    let read = certificates::look(&config.tls);
    let running = tokio::select! {
        biased;
        () = signals.stop() => return Ok(End::Stopped),
        running = Running::start(config) => running?,
    };
    let admin = match AdminServer::start(Arc::clone(&running), Some(metrics.renderer())).await {
        Ok(admin) => admin,
        Err(error) => {
            running.stop().await;
            return Err(error);
        }
    };
    let sampling = tokio::spawn(metrics.keep(Arc::clone(&running)));
    let certificates = tokio::spawn(certificates::watch(Arc::clone(&running), signals.hangups(), read));
    let is_broken = tokio::select! {
        biased;
        () = signals.stop() => {
            info!("told to stop; a second signal ends the node at once");
            false
        }
        () = running.store_stopped() => {
            error!("the metadata's log has ended: the node stops");
            true
        }
    };
    certificates.abort();
    sampling.abort();
    // Both at once: who asks meanwhile hears that the node stops.
    let stopping = async { tokio::join!(admin.stop(), running.stop()) };
    let end = tokio::select! {
        biased;
        () = signals.stop() => {
            error!("told to stop again: ends at once");
            End::Cut
        }
        stopped = timeout(STOP_DEADLINE, stopping) => {
            if stopped.is_ok() {
                End::Stopped
            } else {
                error!("did not stop within {STOP_DEADLINE:?}: ends at once");
                End::Cut
            }
        }
    };
    if let Some(emptied) = running.raft.emptied() {
        bail!(
            "{emptied}: put its data directory back as it was when the node stopped; where it is lost, \
             `tidegate exclude {}`, and start another node with a new number and an empty data directory",
            emptied.node
        );
    }
    ensure!(
        !is_broken,
        "the metadata's log has ended: see above; start the node again"
    );
    Ok(end)
}
