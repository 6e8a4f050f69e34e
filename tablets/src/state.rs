//! What the entries of a metadata log act on.

use std::collections::BTreeSet;

use rpds::RedBlackTreeMapSync;

use crate::{Metadata, Outcome, Proposal, RequestId, TabletId, TransitionEvent, Version};

/// What the entries of a metadata log act on: the metadata, and the answers that repeats get.
///
/// Both are replicated, and a snapshot holds both: a repeat gets its answer from whichever node applies it. The
/// answers are bounded, and the oldest go first; what makes an older repeat harmless is the epoch that its changes
/// name. Cheap to clone, as [`Metadata`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogState {
    metadata: Metadata,
    answers_max: usize,
    answers: RedBlackTreeMapSync<RequestId, Answer>,
    // By the version that answered: one entry of the log holds one proposal.
    order: RedBlackTreeMapSync<Version, RequestId>,
}

/// The answer to one proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The version at which it was decided.
    pub version: Version,
    /// An outcome for each change, in order.
    pub outcomes: Vec<Outcome>,
}

/// What one entry of the log has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The answer; that of the first time, for a repeat.
    pub answer: Answer,
    /// The tablets that may differ from before.
    pub touched: BTreeSet<TabletId>,
    /// What has happened to transitions; whoever commits the entry counts it, once.
    pub events: Vec<TransitionEvent>,
}

impl LogState {
    /// The state before the first entry, or that a decoded snapshot of the metadata stands for; `answers_max`
    /// answers are remembered. The same on every node.
    #[must_use]
    pub fn new(metadata: Metadata, answers_max: usize) -> Self {
        Self {
            metadata,
            answers_max,
            answers: RedBlackTreeMapSync::default(),
            order: RedBlackTreeMapSync::default(),
        }
    }

    /// The metadata.
    #[must_use]
    pub const fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The answers remembered, oldest first: with the metadata, all that a snapshot has to hold.
    pub fn answers(&self) -> impl Iterator<Item = (RequestId, &Answer)> + '_ {
        self.order
            .values()
            .filter_map(|request| Some((*request, self.answers.get(request)?)))
    }

    /// The answer to a proposal that was decided before and is not forgotten.
    #[must_use]
    pub fn recall(&self, request: RequestId) -> Option<&Answer> {
        self.answers.get(&request)
    }

    /// Remembers an answer: of a decided entry, or out of a decoded snapshot, oldest first.
    pub fn remember(&mut self, request: RequestId, answer: Answer) {
        self.order.insert_mut(answer.version, request);
        self.answers.insert_mut(request, answer);
        while self.answers.size() > self.answers_max {
            let Some((version, request)) = self.order.first().map(|(version, request)| (*version, *request))
            else {
                return;
            };
            self.order.remove_mut(&version);
            self.answers.remove_mut(&request);
        }
    }

    /// Applies the entry at `version`, which is above all before it: each change by itself, in order. A repeat
    /// changes nothing but the version.
    pub fn decide(&mut self, version: Version, proposal: &Proposal) -> Decided {
        let mut decided = Decided {
            answer: Answer {
                version,
                outcomes: Vec::with_capacity(proposal.changes.len()),
            },
            touched: BTreeSet::new(),
            events: Vec::new(),
        };
        self.metadata.version = version;
        if let Some(answer) = self.recall(proposal.request) {
            return Decided {
                answer: answer.clone(),
                ..decided
            };
        }
        for change in &proposal.changes {
            let applied = self.metadata.apply(version, change);
            decided.answer.outcomes.push(applied.outcome);
            decided.touched.extend(applied.touched);
            decided.events.extend(applied.event);
        }
        self.remember(proposal.request, decided.answer.clone());
        decided
    }
}
