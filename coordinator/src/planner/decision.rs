//! What one transition needs next.

use std::collections::BTreeSet;

use tidegate_tablets::{Epoch, Metadata, NodeId, Stage, Transition, TransitionKind};

use super::action::WayBack;
use super::recipe::{Recipe, Who};
use crate::config::RetryConfig;
use crate::{OperationKind, Step, TabletProgress};

/// What one transition needs next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Its stage is to be left.
    Advance {
        /// To where; `None` ends the transition.
        to: Option<Stage>,
        /// What the stage had nobody to ask for.
        skipped: Option<&'static str>,
        /// Why it goes back, if it does.
        back: Option<WayBack>,
    },
    /// These are not done yet. Never empty.
    Work {
        /// What is not done, by node.
        needs: Vec<Need>,
        /// The budget is spent, there is no way back, and this failed last.
        spent: Option<String>,
    },
    /// A rebuild has too few sources to know every acknowledged write. Only an operator's word lets it go on.
    WaitForSources {
        /// Sources that are not excluded.
        live: usize,
        /// Sources it takes.
        needed: usize,
    },
}

/// Something that a stage waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A node's barrier at the tablet's epoch.
    Barrier {
        /// Whose.
        node: NodeId,
    },
    /// A node's operation under the transition's session.
    Operation {
        /// What.
        kind: OperationKind,
        /// Whose.
        node: NodeId,
    },
}

impl Need {
    const fn node(self) -> NodeId {
        match self {
            Self::Barrier { node } | Self::Operation { node, .. } => node,
        }
    }
}

pub(super) fn decide(
    metadata: &Metadata,
    transition: &Transition,
    epoch: Epoch,
    known: &TabletProgress,
    retry: &RetryConfig,
) -> Decision {
    let view = View {
        metadata,
        transition,
        epoch,
        known,
        retry,
    };
    let work = view.work();
    if let Some((to, why)) = view.way_back(&work) {
        return Decision::Advance {
            to: Some(to),
            skipped: None,
            back: Some(why),
        };
    }
    match work {
        Work::Needs(needs) => {
            let spent = view.spent(&needs);
            Decision::Work { needs, spent }
        }
        Work::Sources { live, needed } => Decision::WaitForSources { live, needed },
        Work::Done { skipped } => {
            let fell_back = transition.stage == Stage::WriteBothReadOldFallback;
            let back = fell_back.then_some(WayBack::FellBack);
            Decision::Advance {
                to: transition.stage.next(),
                skipped,
                back,
            }
        }
    }
}

/// What is left to do in a stage.
enum Work {
    Needs(Vec<Need>),
    Sources { live: usize, needed: usize },
    Done { skipped: Option<&'static str> },
}

struct View<'a> {
    metadata: &'a Metadata,
    transition: &'a Transition,
    epoch: Epoch,
    known: &'a TabletProgress,
    retry: &'a RetryConfig,
}

impl View<'_> {
    fn work(&self) -> Work {
        let recipe = Recipe::of(self.transition.stage);
        #[cfg(tidegate_mutants)]
        let recipe = Recipe {
            barrier: recipe.barrier
                && !(tidegate_mutants::on("purge-without-transition")
                    && self.transition.kind == TransitionKind::Purge),
            ..recipe
        };
        if recipe.barrier {
            let nodes = Who::Everyone.nodes(self.transition).into_iter();
            let needs = self.open(nodes.map(|node| Need::Barrier { node }));
            if !needs.is_empty() {
                return Work::Needs(needs);
            }
        }
        recipe
            .operation
            .map_or(Work::Done { skipped: None }, |(kind, who)| {
                self.operation(kind, who)
            })
    }

    fn operation(&self, kind: OperationKind, who: Who) -> Work {
        let nodes = who.nodes(self.transition);
        if nodes.is_empty() {
            return Work::Done {
                skipped: Some(who.missing()),
            };
        }
        let needs = self.open(nodes.into_iter().map(|node| Need::Operation { kind, node }));
        if needs.is_empty() {
            return Work::Done { skipped: None };
        }
        if kind == OperationKind::Stream
            && let Some((live, needed)) = self.too_few_sources()
        {
            return Work::Sources { live, needed };
        }
        Work::Needs(needs)
    }

    /// Those that are not done. No barrier and no cleanup waits for a node that an operator has excluded.
    fn open(&self, needs: impl Iterator<Item = Need>) -> Vec<Need> {
        let is_open = |need: &Need| !self.step(*need).is_done() && !self.metadata.is_excluded(need.node());
        needs.filter(is_open).collect()
    }

    fn step(&self, need: Need) -> &Step {
        match (need, self.transition.session) {
            (Need::Barrier { node }, _) => self.known.barrier(self.epoch, node),
            (Need::Operation { kind, node }, Some((session, _))) => self.known.operation(session, kind, node),
            (Need::Operation { .. }, None) => Step::IDLE,
        }
    }

    /// What failed last, where the budget of something that is not done is spent.
    fn spent(&self, needs: &[Need]) -> Option<String> {
        needs.iter().find_map(|need| {
            if matches!(need, Need::Operation { .. }) && self.transition.session.is_none() {
                // Nothing may be done without one, and nothing be skipped: someone should look.
                return Some("the stage has no session".to_owned());
            }
            let (step, failures_max) = match need {
                Need::Barrier { .. } => (self.step(*need), self.retry.barrier_failures_max),
                Need::Operation { .. } => (self.step(*need), self.retry.operation_failures_max),
            };
            step.is_spent(failures_max)
                .then(|| step.error.clone().unwrap_or_default())
        })
    }

    /// How many sources there are and how many it takes, where those are too few.
    fn too_few_sources(&self) -> Option<(usize, usize)> {
        let live = self.metadata.sources(self.transition).len();
        let needed = self.transition.sources_needed();
        (live < needed).then_some((live, needed))
    }

    /// Whether the transition goes back now, to where and why.
    fn way_back(&self, work: &Work) -> Option<(Stage, WayBack)> {
        let to = self.transition.stage.back()?;
        if to == Stage::WriteBothReadOldFallback {
            let excluded = |set: &BTreeSet<NodeId>| {
                set.iter()
                    .filter(|node| self.metadata.is_excluded(**node))
                    .count()
            };
            let worse = excluded(&self.transition.new) > excluded(&self.transition.old);
            return worse.then_some((to, WayBack::MoreNewExcluded));
        }
        if let Some(pending) = self
            .transition
            .pending()
            .filter(|node| self.metadata.is_excluded(*node))
        {
            return Some((to, WayBack::PendingExcluded(pending)));
        }
        #[cfg(tidegate_mutants)]
        if tidegate_mutants::on("excluded-blocks-all")
            && let mut nodes = self.transition.participants().into_iter()
            && let Some(node) = nodes.find(|node| self.metadata.is_excluded(*node))
        {
            return Some((to, WayBack::SourceExcluded(node)));
        }
        // Once the stream is done, nothing is missing without its source.
        let carried = self.transition.stage == Stage::Streaming && matches!(work, Work::Done { .. });
        if self.transition.kind == TransitionKind::Migration
            && !carried
            && let Some(leaving) = self
                .transition
                .leaving()
                .filter(|node| self.metadata.is_excluded(*node))
        {
            return Some((to, WayBack::SourceExcluded(leaving)));
        }
        let Work::Needs(needs) = work else { return None };
        Some((to, WayBack::Spent(self.spent(needs)?)))
    }
}
