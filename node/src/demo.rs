//! `tidegate demo`: a cluster in one process, on real input, under faults, with an oracle.

mod args;
mod clients;
mod cluster;
mod input;
mod load;
mod metrics;
mod oracle;
mod progress;
mod report;
mod scenario;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::runtime::Runtime;

pub(crate) use self::args::DemoArgs;
use self::args::Plan;
use self::cluster::{Cluster, ClusterConfig};
use self::metrics::MetricsRecorder;
use self::oracle::Ledger;
use self::progress::Bars;
use self::report::{Facts, Report};
use self::scenario::Scenario;

/// How long the cluster may take, after the last move, to let go of everything.
const QUIET_DEADLINE: Duration = Duration::from_secs(20);

const FAILED: u8 = 1;
const BAD_INPUT: u8 = 2;
const INTERRUPTED: u8 = 130;

/// Runs the demo, and says how it went.
pub(crate) fn main(args: DemoArgs) -> ExitCode {
    trace_to_stderr(&args);
    let plan = match args.check() {
        Ok(plan) => plan,
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::from(BAD_INPUT);
        }
    };
    let ended = Runtime::new()
        .context("starting the runtime")
        .and_then(|runtime| {
            let ended = runtime.block_on(interruptible(&args, &plan));
            // What is left in the engines' threads is not waited for for ever.
            runtime.shutdown_timeout(Duration::from_secs(5));
            ended
        });
    match ended {
        Ok(Some(report)) => {
            report.print(&args);
            if report.ok() {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(FAILED)
            }
        }
        Ok(None) => {
            eprintln!("interrupted: stopped, and removed what was temporary");
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn trace_to_stderr(args: &DemoArgs) {
    let default = if args.quiet {
        "error"
    } else {
        "warn,tidegate::demo=info"
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| default.into());
    // An error says that a subscriber is set already.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
}

async fn interruptible(args: &DemoArgs, plan: &Plan) -> Result<Option<Report>> {
    tokio::select! {
        biased;
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| None).context("listening for Ctrl-C"),
        report = run(args, plan) => report.map(Some),
    }
}

/// Where the engines keep their data; removed when it is dropped, unless the user named it.
enum DataDir {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl DataDir {
    fn make(args: &DemoArgs) -> Result<Self> {
        match &args.data_dir {
            Some(dir) => {
                std::fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
                Ok(Self::Kept(dir.clone()))
            }
            None => Ok(Self::Temporary(
                tempfile::tempdir().context("making a temporary directory")?,
            )),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(dir) => dir,
            Self::Temporary(dir) => dir.path(),
        }
    }
}

async fn run(args: &DemoArgs, plan: &Plan) -> Result<Report> {
    let recorder = MetricsRecorder::install().context("installing the metrics recorder")?;
    let data = DataDir::make(args)?;
    let started = Instant::now();
    let bars = Bars::new(args);
    let config = ClusterConfig {
        nodes: args.nodes,
        transport: args.transport,
        fenced: !args.unfenced,
        data: data.path().to_owned(),
    };
    let cluster = Arc::new(Cluster::start(config).await.context("starting the cluster")?);
    let ledger = Ledger::new();
    let table = cluster.create_table("files", args.tablets, args.replicas).await?;
    let loaded = load::load(plan, &cluster, &ledger, table, &bars)
        .await
        .context("loading the input")?;
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
    let verdict = match &played {
        Ok(()) => Some(
            cluster
                .verify(&ledger, table)
                .await
                .context("checking the rows")?,
        ),
        Err(_) => None,
    };
    let snapshot = recorder.snapshot();
    bars.clear();
    cluster.stop().await;
    drop(data);
    let verdict = match (verdict, played) {
        (Some(verdict), _) => verdict,
        (None, Err(error)) => return Err(error),
        (None, Ok(())) => unreachable!("a scenario that was played is checked"),
    };
    Ok(Report::new(&facts, &snapshot, &verdict, started.elapsed()))
}
