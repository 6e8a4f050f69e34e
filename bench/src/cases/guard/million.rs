//! The whole life of a million sessions that nobody enters, all open at once: created, closed, drained, forgotten. Once
//! as a node does it that takes up metadata with all of them in it, once as it comes by single changes.

use std::time::Instant;

use anyhow::{Result, ensure};
use tidegate_session::{SessionRegistry, Sessions as _};

use super::ending::{DEADLINE, runtime};
use super::reference::Reference;
use super::registry;
use crate::bound::{Bound, Limit};
use crate::case::{Better, Case, Effort, Sample};

const COUNT: u32 = 1_000_000;

const REFERENCE: &str = "CancellationToken + TaskTracker";

pub(super) fn case(effort: Effort) -> Result<Case> {
    let ids = registry::shuffled(registry::ids(COUNT));
    let (same, single) = (ids.clone(), ids.clone());
    Ok(Case::new("ns/session", Better::Less, effort.pick(5, 21))
        .against(REFERENCE)
        .way(REFERENCE, move || {
            let runtime = runtime()?;
            let started = Instant::now();
            let reference = Reference::open(&same);
            reference.close(&same);
            runtime.block_on(reference.drain(&same));
            let sample = per_session(started);
            ensure!(reference.count() == 0, "all are gone");
            Ok(sample)
        })
        .way("tidegate", move || {
            let runtime = runtime()?;
            let started = Instant::now();
            let sessions = registry::open(&ids);
            sessions.apply(&ids, &[]);
            runtime.block_on(sessions.drain(&ids, DEADLINE))?;
            let sample = per_session(started);
            ensure_gone(&sessions)?;
            Ok(sample)
        })
        .way("tidegate, one by one", move || {
            let runtime = runtime()?;
            let started = Instant::now();
            let sessions = registry::open(&[]);
            for id in &single {
                sessions.apply(&[], &[*id]);
            }
            for id in &single {
                sessions.apply(&[*id], &[]);
            }
            runtime.block_on(async {
                for id in &single {
                    sessions.drain(&[*id], DEADLINE).await?;
                }
                anyhow::Ok(())
            })?;
            let sample = per_session(started);
            ensure_gone(&sessions)?;
            Ok(sample)
        })
        .bound(Bound::ratio("tidegate", REFERENCE, Limit::AtMost(0.8)))
        .bound(Bound::ratio(
            "tidegate, one by one",
            REFERENCE,
            Limit::AtMost(0.8),
        )))
}

fn ensure_gone(sessions: &SessionRegistry) -> Result<()> {
    ensure!(sessions.open_sessions().is_empty() && sessions.closing_sessions().is_empty());
    Ok(())
}

fn per_session(started: Instant) -> Sample {
    Sample::of(started.elapsed().as_secs_f64() * 1e9 / f64::from(COUNT))
}
