//! `tidegate demo`: a cluster in one process, on real input, under faults, with an oracle.

mod args;
mod clients;
mod cluster;
mod data_dir;
pub(crate) mod input;
pub(crate) mod interrupt;
mod load;
mod logs;
mod metrics;
mod oracle;
mod progress;
mod report;
mod scenario;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tracing::{debug, warn};

pub(crate) use self::args::DemoArgs;
use self::args::Plan;
use self::cluster::{Cluster, ClusterConfig};
use self::data_dir::DataDir;
use self::interrupt::interrupted;
use self::metrics::MetricsRecorder;
use self::oracle::{Ledger, Verdict};
use self::progress::Bars;
use self::report::{Facts, Report};
use self::scenario::Scenario;

/// How long the cluster may take, after the last move, to let go of everything.
const QUIET_DEADLINE: Duration = Duration::from_secs(20);

/// No phase besides the scenario, whose steps have deadlines of their own, takes longer, or something is stuck.
const PHASE_DEADLINE: Duration = Duration::from_secs(600);

/// How long stopping the cluster may take.
const STOP_DEADLINE: Duration = Duration::from_secs(30);

/// How long to wait for the runtime's threads, in the end.
const THREADS_DEADLINE: Duration = Duration::from_secs(3);

const FAILED: u8 = 1;
const BAD_INPUT: u8 = 2;
const INTERRUPTED: u8 = 130;

/// Runs the demo, and says how it went.
pub(crate) fn main(args: DemoArgs) -> ExitCode {
    let bars = Bars::new(&args);
    logs::log_to_stderr(&args, &bars);
    let checked = args.check().map_err(anyhow::Error::from);
    let ready = checked.and_then(|plan| Ok((plan, DataDir::make(args.data_dir.as_deref())?)));
    let (plan, data) = match ready {
        Ok(ready) => ready,
        Err(error) => {
            bars.clear();
            return complain(BAD_INPUT, &format!("error: {error:#}"));
        }
    };
    let ended = run_to_the_end(&args, &plan, data.path(), &bars);
    bars.clear();
    // Only now: threads that were given up have had their time.
    let removed = data.remove();
    if let Err(error) = &removed {
        complain(FAILED, &format!("warning: {error:#}"));
    }
    match ended {
        Ok(Some(report)) => {
            report.print(&args);
            if report.ok() {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(FAILED)
            }
        }
        Ok(None) if removed.is_err() => complain(INTERRUPTED, "interrupted: stopped"),
        Ok(None) if args.data_dir.is_some() => {
            complain(INTERRUPTED, "interrupted: stopped; the nodes' data is kept")
        }
        Ok(None) => complain(
            INTERRUPTED,
            "interrupted: stopped, and removed what was temporary",
        ),
        Err(error) => complain(FAILED, &format!("error: {error:#}")),
    }
}

fn complain(code: u8, what: &str) -> ExitCode {
    // Where nobody reads it, there is nobody to tell.
    let _ = writeln!(io::stderr(), "{what}");
    ExitCode::from(code)
}

fn run_to_the_end(args: &DemoArgs, plan: &Plan, data: &Path, bars: &Bars) -> Result<Option<Report>> {
    let runtime = Runtime::new().context("starting the runtime")?;
    let ended = runtime.block_on(interruptible(args, plan, data, bars));
    // What is left in the engines' threads is not waited for for ever.
    runtime.shutdown_timeout(THREADS_DEADLINE);
    ended
}

async fn interruptible(args: &DemoArgs, plan: &Plan, data: &Path, bars: &Bars) -> Result<Option<Report>> {
    tokio::select! {
        biased;
        interrupted = interrupted() => interrupted.map(|()| None),
        report = run(args, plan, data, bars) => report.map(Some),
    }
}

async fn run(args: &DemoArgs, plan: &Plan, data: &Path, bars: &Bars) -> Result<Report> {
    let recorder = MetricsRecorder::install().context("installing the metrics recorder")?;
    let started = Instant::now();
    bars.phase("starting the nodes");
    let config = ClusterConfig {
        nodes: args.nodes,
        transport: args.transport,
        metadata: args.metadata,
        fenced: !args.unfenced,
        data: data.to_owned(),
    };
    let cluster = within("starting the cluster", Cluster::start(config)).await?;
    let cluster = Arc::new(cluster);
    let ledger = Ledger::new();
    let table = cluster.create_table("files", args.tablets, args.replicas);
    let table = within("making the table", table).await?;
    let loaded = load::load(plan, &cluster, &ledger, table, bars);
    let loaded = within("loading the input", loaded).await?;
    let facts = Facts::new(args, loaded.rows, loaded.bytes);
    bars.follow(cluster.progress());
    let scenario = Scenario::new(
        args,
        Arc::clone(&cluster),
        ledger.clone(),
        table,
        loaded.keys,
        bars.clone(),
    );
    let played = scenario.play().await;
    bars.phase("waiting until all is quiet");
    cluster.quiet(QUIET_DEADLINE).await;
    bars.phase("checking every row");
    // However the scenario ended: what was done to the rows until then is worth knowing.
    let checked = within("checking the rows", cluster.verify(&ledger, table)).await;
    let snapshot = recorder.snapshot();
    debug!(?snapshot, "all metrics");
    bars.phase("stopping");
    if timeout(STOP_DEADLINE, cluster.stop()).await.is_err() {
        warn!("the cluster did not stop within {STOP_DEADLINE:?}");
    }
    let (verdict, failures) = failures_of(played, checked);
    Ok(Report::new(
        &facts,
        &snapshot,
        &verdict,
        &failures,
        started.elapsed(),
    ))
}

/// What the oracle found, and what else went wrong, for a person. Rows that were not checked are no rows that hold.
fn failures_of(played: Result<()>, checked: Result<Verdict>) -> (Verdict, Vec<String>) {
    let mut failures = Vec::new();
    if let Err(error) = played {
        failures.push(format!("{error:#}"));
    }
    let verdict = checked.unwrap_or_else(|error| {
        failures.push(format!("{error:#}"));
        Verdict::default()
    });
    (verdict, failures)
}

async fn within<T>(what: &'static str, phase: impl Future<Output = Result<T>>) -> Result<T> {
    match timeout(PHASE_DEADLINE, phase).await {
        Ok(ended) => ended.context(what),
        Err(_) => Err(anyhow!("{what} did not end within {PHASE_DEADLINE:?}")),
    }
}
