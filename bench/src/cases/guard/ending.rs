//! Closes sessions that nobody holds and waits until they are closed, with so many of them open: what a barrier costs
//! beside its waiting.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tidegate_guard::SessionId;
use tidegate_session::Sessions as _;
use tokio::runtime::{Builder, Runtime};

use super::reference::Reference;
use super::registry;
use crate::case::{Better, Case, Entry, Sample};

/// Sessions closed per sample at least; where fewer are open at once, they are opened again and again.
const CLOSED_MIN: u32 = 20_000;

pub(super) const DEADLINE: Duration = Duration::from_secs(60);

pub(super) fn entries() -> Vec<Entry> {
    vec![
        Entry::quick("guard/close+drain/1", |effort| case(effort.pick(15, 31), 1)),
        Entry::quick("guard/close+drain/1e3", |effort| case(effort.pick(15, 31), 1_000)),
        // In a quick run the whole life of a million tells as much.
        Entry::thorough("guard/close+drain/1e6", |_effort| case(15, 1_000_000)),
    ]
}

pub(super) fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_time().build()?)
}

fn case(rounds: usize, count: u32) -> Result<Case> {
    Ok(Case::new("ns/session", Better::Less, rounds)
        .against("CancellationToken + TaskTracker")
        .way("CancellationToken + TaskTracker", move || {
            let reference = Reference::default();
            let spent = runtime()?.block_on(async {
                let mut spent = Duration::ZERO;
                for batch in batches(count) {
                    reference.create(&batch);
                    let started = Instant::now();
                    reference.close(&batch);
                    reference.drain(&batch).await;
                    spent += started.elapsed();
                }
                spent
            });
            ensure!(reference.count() == 0, "all are gone");
            Ok(per_session(spent, count))
        })
        .way("tidegate", move || {
            let sessions = registry::open(&[]);
            let spent = runtime()?.block_on(async {
                let mut spent = Duration::ZERO;
                for batch in batches(count) {
                    sessions.apply(&[], &batch);
                    let started = Instant::now();
                    sessions.apply(&batch, &[]);
                    sessions.drain(&batch, DEADLINE).await?;
                    spent += started.elapsed();
                }
                anyhow::Ok(spent)
            })?;
            ensure!(sessions.open_sessions().is_empty() && sessions.closing_sessions().is_empty());
            Ok(per_session(spent, count))
        }))
}

/// Sets of `count` sessions that come one after the other; no id twice.
fn batches(count: u32) -> impl Iterator<Item = Vec<SessionId>> {
    let batches = CLOSED_MIN.div_ceil(count).max(1);
    (0..batches).map(move |batch| registry::shuffled(registry::ids_at(u64::from(batch) + 1, count)))
}

fn per_session(spent: Duration, count: u32) -> Sample {
    let closed = f64::from(count) * f64::from(CLOSED_MIN.div_ceil(count).max(1));
    Sample::of(spent.as_secs_f64() * 1e9 / closed)
}
