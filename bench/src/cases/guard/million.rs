//! The whole life of a million sessions that nobody enters, all open at once: created, closed, drained, forgotten. Once
//! as a node does it that takes up metadata with all of them in it, once as it comes by single changes.

use std::time::Duration;

use anyhow::{Result, ensure};
use tidegate_session::{SessionRegistry, Sessions as _};

use super::ending::{DEADLINE, runtime};
use super::reference::Reference;
use super::registry;
use crate::bound::{Bound, Limit};
use crate::case::{Better, Case, Effort, Sample};
use crate::process::alone;

const COUNT: u32 = 1_000_000;

const REFERENCE: &str = "CancellationToken + TaskTracker";

pub(super) fn case(effort: Effort) -> Result<Case> {
    let ids = registry::shuffled(registry::ids(COUNT));
    let (same, single) = (ids.clone(), ids.clone());
    Ok(Case::new("ns/session", Better::Less, effort.pick(5, 21))
        .against(REFERENCE)
        .way(REFERENCE, move || {
            let runtime = runtime()?;
            let (left, spent) = alone(|| {
                let reference = Reference::open(&same);
                reference.close(&same);
                runtime.block_on(reference.drain(&same));
                reference.count()
            });
            ensure!(left == 0, "all are gone");
            Ok(per_session(spent))
        })
        .way("tidegate", move || {
            let runtime = runtime()?;
            let (sessions, spent) = alone(|| {
                let sessions = registry::open(&ids);
                sessions.apply(&ids, &[]);
                runtime.block_on(sessions.drain(&ids, DEADLINE))?;
                anyhow::Ok(sessions)
            });
            ensure_gone(&*sessions?)?;
            Ok(per_session(spent))
        })
        .way("tidegate, one by one", move || {
            let runtime = runtime()?;
            let (sessions, spent) = alone(|| {
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
                anyhow::Ok(sessions)
            });
            ensure_gone(&*sessions?)?;
            Ok(per_session(spent))
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

fn per_session(spent: Duration) -> Sample {
    Sample::of(spent.as_secs_f64() * 1e9 / f64::from(COUNT))
}
