//! What the nodes of a Raft log have applied, held against each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_tablets::{Decided, Metadata, Version};

/// What the first node that applied each version came to. Nobody sees anything of a version before.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    newest: Arc<Metadata>,
    applied: BTreeMap<Version, (Arc<Metadata>, Decided)>,
}

/// What it means that a node has applied a version.
#[derive(Debug)]
pub(super) enum Entry {
    /// No node had before.
    New(Arc<Metadata>),
    /// Another had, and came to the same.
    Known,
    /// Nodes do not have the same log.
    Differs(String),
}

impl Ledger {
    pub(super) const fn newest(&self) -> &Arc<Metadata> {
        &self.newest
    }

    pub(super) fn enter(&mut self, after: &Metadata, decided: &Decided) -> Entry {
        let version = after.version;
        if let Some((first, first_decided)) = self.applied.get(&version) {
            if **first == *after && first_decided == decided {
                return Entry::Known;
            }
            return Entry::Differs(format!("two nodes came to different states at version {version}"));
        }
        if version <= self.newest.version {
            let newest = self.newest.version;
            return Entry::Differs(format!(
                "a node has version {version}, which others had not when they came to {newest}"
            ));
        }
        let after = Arc::new(after.clone());
        self.applied
            .insert(version, (Arc::clone(&after), decided.clone()));
        self.newest = Arc::clone(&after);
        Entry::New(after)
    }

    /// Whether a node that came to that state by a snapshot has what the others have.
    pub(super) fn holds(&self, version: Version) -> bool {
        version == Version::default() || self.applied.contains_key(&version)
    }
}
