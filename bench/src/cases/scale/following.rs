//! Who follows the metadata: the coordinator's plan after one change, and what a node derives from it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tidegate_coordinator::{Progress, RetryConfig, plan};
use tidegate_replica::rules::{Roles, SessionsStep};
use tidegate_session::{SessionConfig, SessionRegistry, Sessions as _};
use tidegate_tablets::{RequestFence, Touched, Update};

use super::SIZES;
use super::cluster::Cluster;
use crate::case::{Better, Case, Effort, Sample};

const CHANGES: u32 = 4_000;

/// One change is taken note of, and what to do next is planned.
pub(super) fn plan_one(effort: Effort) -> Result<Case> {
    following(effort, |first| {
        let mut progress = Progress::new(RetryConfig::default());
        progress.observe(&first.metadata, &Touched::All, 0);
        Ok(Box::new(move |update| {
            progress.observe(&update.metadata, &update.touched, 0);
            black_box(plan(&update.metadata, &progress, 0));
            Ok(())
        }))
    })
}

/// One change reaches a node that three in ten tablets concern: its sessions and its fence follow.
pub(super) fn node(effort: Effort) -> Result<Case> {
    following(effort, |first| {
        let mut roles = Roles::new(super::cluster::node(0));
        let sessions = SessionRegistry::new(SessionConfig::default());
        let fence = RequestFence::new();
        let mut follow = move |update: &Update| {
            let step = roles.follow(&update.metadata, &update.touched);
            match &step.sessions {
                SessionsStep::Exactly(wanted) => sessions.reconcile(wanted),
                SessionsStep::Delta { close, open } => sessions.apply(close, open),
            }
            for (tablet, epoch) in &step.publish {
                fence.publish(*tablet, *epoch);
            }
            for tablet in &step.forget {
                fence.forget(*tablet);
            }
        };
        follow(first);
        Ok(Box::new(move |update| {
            follow(update);
            Ok(())
        }))
    })
}

type Follow = Box<dyn FnMut(&Update) -> Result<()>>;

/// A case of what follows each change, by a follower that was told of everything first.
fn following(effort: Effort, follower: impl Fn(&Update) -> Result<Follow>) -> Result<Case> {
    let mut case = Case::new("ns/change", Better::Less, effort.pick(9, 31)).against(SIZES[0].0);
    for (name, tablets) in SIZES {
        let (mut cluster, first) = Cluster::new(tablets)?;
        let mut follow = follower(&first)?;
        case = case.way(name, move || {
            let mut spent = Duration::ZERO;
            for _change in 0..CHANGES {
                cluster.change()?;
                let update = cluster.update()?;
                ensure!(update.touched != Touched::All, "told of one change");
                let started = Instant::now();
                follow(&update)?;
                spent += started.elapsed();
            }
            Ok(Sample::of(spent.as_secs_f64() * 1e9 / f64::from(CHANGES)))
        });
    }
    Ok(case)
}
