//! Reads everything, and compares.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use bytes::Bytes;
use tidegate_kv::{ReadError, RowStore, token_of};
use tidegate_tablets::{Metadata, NodeId, TableId, Tablet, TabletId, quorum_of};

use super::digest::Digest;
use super::ledger::Ledger;
use super::told::{State, Told};
use super::verdict::{Findings, Verdict, Wrong};

/// Rows, and about bytes, that are read from an engine at once.
const PAGE_ROWS: usize = 1024;
const PAGE_BYTES: usize = 4 << 20;
/// Keys that are read through the cluster at once.
const KEYS_AT_ONCE: usize = 128;

/// Reads through the cluster, as a client does.
#[async_trait]
pub(crate) trait ReadThrough: Send + Sync {
    /// The values of some keys, in the order of the keys. Without an answer for one there is no verdict.
    async fn read_many(&self, keys: Vec<Bytes>) -> Vec<Result<Option<Bytes>, ReadError>>;
}

/// What is there to be looked at, once all is quiet.
pub(crate) struct View<'a> {
    /// Who is a replica of what.
    pub(crate) map: Arc<Metadata>,
    /// The table whose keys the ledger has.
    pub(crate) table: TableId,
    /// The engine of each node that is not excluded.
    pub(crate) engines: Vec<(NodeId, Arc<dyn RowStore>)>,
    /// The cluster.
    pub(crate) reader: &'a dyn ReadThrough,
}

/// What one engine holds under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Value(Digest),
    Tombstone,
}

type HeldRows = BTreeMap<Bytes, Held>;

/// Reads every engine and every key, and says what is wrong. Nothing may write meanwhile.
///
/// # Errors
///
/// Something could not be read; there is no verdict then.
pub(crate) async fn verify(ledger: &Ledger, view: View<'_>) -> Result<Verdict> {
    // A copy, so that no lock is held while engines are read.
    let told: BTreeMap<Bytes, Told> = ledger.keys().clone();
    let mut findings = Findings::default();
    findings.verdict.keys = told.len() as u64;
    for (key, told) in &told {
        if let Some(wrong) = told.wrong {
            findings.found(key, wrong, None);
        }
    }
    check_engines(&told, &view, &mut findings).await?;
    check_reads(&told, &view, &mut findings).await?;
    Ok(findings.verdict)
}

async fn check_engines(told: &BTreeMap<Bytes, Told>, view: &View<'_>, findings: &mut Findings) -> Result<()> {
    let by_tablet = keys_by_tablet(told, view)?;
    let no_keys = Vec::new();
    let mut replicas_held = BTreeMap::<NodeId, HeldRows>::new();
    for tablet_id in tablets_to_look_at(view).await? {
        let tablet = view
            .map
            .tablets
            .get(&tablet_id)
            .filter(|tablet| tablet.table == view.table);
        replicas_held.clear();
        for (node, engine) in &view.engines {
            let held = rows_of(&**engine, tablet_id)
                .await
                .with_context(|| format!("reading node {node}"))?;
            match tablet {
                Some(tablet) if tablet.concerns(*node) => {
                    let strays = held.keys().filter(|key| !tablet.range.contains(token_of(key)));
                    for key in strays {
                        findings.checked();
                        findings.found(key, Wrong::Misplaced, Some(*node));
                    }
                    replicas_held.insert(*node, held);
                }
                _ => {
                    for key in held.keys() {
                        findings.checked();
                        findings.found(key, Wrong::Misplaced, Some(*node));
                    }
                }
            }
        }
        if let Some(tablet) = tablet {
            let keys = by_tablet.get(&tablet_id).unwrap_or(&no_keys);
            check_tablet(tablet, keys, &replicas_held, findings);
        }
    }
    Ok(())
}

/// The tablets of the table, and those of which an engine holds anything.
async fn tablets_to_look_at(view: &View<'_>) -> Result<BTreeSet<TabletId>> {
    let table = view.map.tables.get(&view.table).context("the table is gone")?;
    let mut tablets: BTreeSet<TabletId> = table.tablets.iter().copied().collect();
    for (node, engine) in &view.engines {
        tablets.extend(
            engine
                .tablets()
                .await
                .with_context(|| format!("reading node {node}"))?,
        );
    }
    Ok(tablets)
}

fn keys_by_tablet<'a>(
    told: &'a BTreeMap<Bytes, Told>,
    view: &View<'_>,
) -> Result<BTreeMap<TabletId, Vec<(&'a Bytes, &'a Told)>>> {
    let mut keys = BTreeMap::<_, Vec<_>>::new();
    for (key, told) in told {
        let (tablet, _) = view
            .map
            .tablet_of(view.table, token_of(key))
            .context("a key belongs to no tablet")?;
        keys.entry(tablet).or_default().push((key, told));
    }
    Ok(keys)
}

async fn rows_of(engine: &dyn RowStore, tablet: TabletId) -> Result<HeldRows> {
    let mut held = HeldRows::new();
    let mut after = None;
    loop {
        let page = engine.scan(tablet, after, PAGE_ROWS, PAGE_BYTES).await?;
        let Some(last) = page.last() else { return Ok(held) };
        after = Some(last.key.clone());
        for row in page {
            let value = row
                .value
                .as_deref()
                .map_or(Held::Tombstone, |value| Held::Value(Digest::of(value)));
            // Not the row's own buffer, which may be a page long.
            held.insert(Bytes::copy_from_slice(&row.key), value);
        }
    }
}

fn check_tablet(
    tablet: &Tablet,
    keys: &[(&Bytes, &Told)],
    held: &BTreeMap<NodeId, HeldRows>,
    findings: &mut Findings,
) {
    for (key, told) in keys {
        check_key(tablet, key, told, held, findings);
    }
    let known: BTreeSet<&Bytes> = keys.iter().map(|(key, _)| *key).collect();
    for (node, rows) in held {
        for (key, _) in rows.iter().filter(|(key, _)| !known.contains(key)) {
            if tablet.range.contains(token_of(key)) {
                findings.checked();
                // Nobody has written it.
                findings.found(key, Wrong::Resurrected, Some(*node));
            }
        }
    }
}

fn check_key(
    tablet: &Tablet,
    key: &Bytes,
    told: &Told,
    held: &BTreeMap<NodeId, HeldRows>,
    findings: &mut Findings,
) {
    let readers = tablet.read_set();
    let mut agree = 0;
    let mut live = None;
    for (node, rows) in held {
        findings.checked();
        let row = rows.get(key).copied();
        if let Some(Held::Value(_)) = row {
            live = Some(*node);
            if told.is_purged() {
                findings.found(key, Wrong::Resurrected, Some(*node));
            }
        }
        if readers.contains(node) && told.states().any(|state| agrees(state, row, told.is_purged())) {
            agree += 1;
        }
    }
    // While an outcome is open, replicas may stand for different states, and reading decides.
    if told.is_certain() && agree < quorum_of(readers) {
        match told.states().next() {
            Some(State::Value(_)) => findings.found(key, Wrong::Lost, None),
            _ if live.is_some() => findings.found(key, Wrong::Resurrected, live),
            // No value anywhere, as it should be; where the tombstones are is the cluster's affair.
            _ => {}
        }
    }
}

/// Whether a replica that holds `row` stands for `state`.
fn agrees(state: State, row: Option<Held>, purged: bool) -> bool {
    match (state, row) {
        (State::Value(value), Some(Held::Value(held))) => value == held,
        (State::Value(_), _) => false,
        (State::Absent, row) => row.is_none(),
        (State::Deleted, Some(Held::Tombstone)) => true,
        (State::Deleted, row) => purged && row.is_none(),
    }
}

async fn check_reads(told: &BTreeMap<Bytes, Told>, view: &View<'_>, findings: &mut Findings) -> Result<()> {
    let all: Vec<(&Bytes, &Told)> = told.iter().collect();
    for chunk in all.chunks(KEYS_AT_ONCE) {
        let keys: Vec<Bytes> = chunk.iter().map(|(key, _)| (*key).clone()).collect();
        let values = view.reader.read_many(keys).await;
        ensure!(
            values.len() == chunk.len(),
            "{} answers for {} keys",
            values.len(),
            chunk.len()
        );
        for ((key, told), value) in chunk.iter().zip(values) {
            let value =
                value.with_context(|| format!("reading {} through the cluster", key.escape_ascii()))?;
            findings.checked();
            if let Err(wrong) = told.allows(value.as_deref().map(Digest::of)) {
                findings.found(key, wrong, None);
            }
        }
    }
    Ok(())
}
