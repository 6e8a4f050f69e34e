//! Loads the input through the cluster's own write path.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::stream::{StreamExt, iter};
use tidegate_tablets::TableId;
use tracing::info;

use super::args::Plan;
use super::cluster::Cluster;
use super::input::Input;
use super::oracle::Ledger;
use super::progress::Bars;

/// Batches that are written at once.
const BATCHES_AT_ONCE: usize = 4;

/// What was loaded.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) keys: Vec<Bytes>,
}

/// Writes the input in batches, each through another node.
pub(crate) async fn load(
    plan: &Plan,
    cluster: &Cluster,
    ledger: &Ledger,
    table: TableId,
    bars: &Bars,
) -> Result<Loaded> {
    let input = Input::open(&plan.input, plan.limit).context("opening the input")?;
    let bar = bars.load(plan.limit);
    let mut loaded = Loaded::default();
    // Files are read by the iterator, as batches are asked for: at most as many are in memory as are written.
    let mut batches = iter(input.enumerate())
        .map(|(number, batch)| async move {
            let batch = batch?;
            let (keys, bytes) = (batch.keys(), batch.bytes());
            cluster
                .write_all(ledger, table, number, batch.into_rows())
                .await?;
            Ok::<_, anyhow::Error>((keys, bytes))
        })
        .buffer_unordered(BATCHES_AT_ONCE);
    while let Some(written) = batches.next().await {
        let (keys, bytes) = written?;
        loaded.rows += keys.len() as u64;
        loaded.bytes += bytes;
        loaded.keys.extend(keys);
        bar.set_position(loaded.bytes);
    }
    bar.finish_and_clear();
    if loaded.rows == 0 {
        bail!("nothing was loaded from {}", plan.input.display());
    }
    info!(
        rows = loaded.rows,
        bytes = loaded.bytes,
        "loaded {}",
        if loaded.bytes < plan.limit {
            "all of the input: it is smaller than the limit"
        } else {
            "the input, up to the limit"
        }
    );
    Ok(loaded)
}
