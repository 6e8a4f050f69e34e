//! The metadata at one version, and the log of those that somebody still may look at.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tidegate_guard::SessionId;
use tidegate_tablets::{Change, Metadata, NodeId, Refused, Tablet, Version};

use super::scope::{Scope, TABLET};

/// The metadata at one version, as the product makes it, with a digest of what differs between histories.
#[derive(Clone)]
pub(super) struct Map {
    metadata: Arc<Metadata>,
    digest: u64,
}

impl Map {
    pub(super) fn new(metadata: Metadata) -> Self {
        // Not seeded: the same metadata has the same digest in every run.
        let mut hasher = DefaultHasher::new();
        metadata.version.hash(&mut hasher);
        metadata.tablets.get(&TABLET).hash(&mut hasher);
        for (node, info) in metadata.nodes.iter() {
            (node, info.excluded).hash(&mut hasher);
        }
        Self {
            metadata: Arc::new(metadata),
            digest: hasher.finish(),
        }
    }

    /// The members, and one tablet that is nowhere but where the scope puts it.
    pub(super) fn first(scope: &Scope) -> Self {
        let mut metadata = Metadata::default();
        let id = |number: &u64| NodeId::new(*number);
        for node in scope.nodes {
            let _added = metadata.apply(Version::new(0), &Change::AddNode { node: id(node) });
        }
        let table = Change::CreateTable {
            name: String::new(),
            replicas: vec![scope.replicas.iter().map(id).collect()],
        };
        let _made = metadata.apply(Version::new(1), &table);
        Self::new(metadata)
    }

    pub(super) fn version(&self) -> Version {
        self.metadata.version
    }

    pub(super) fn tablet(&self) -> &Tablet {
        &self.metadata.tablets[&TABLET]
    }

    /// The session of the running transition.
    pub(super) fn session(&self) -> Option<SessionId> {
        Some(self.tablet().transition.as_ref()?.session?.0)
    }

    /// What a change that is decided now makes of it.
    pub(super) fn after(&self, change: &Change) -> Result<Self, Refused> {
        let mut metadata = (*self.metadata).clone();
        let version = Version::new(metadata.version.as_u64() + 1);
        let applied = metadata.apply(version, change);
        applied.outcome.map(|_| Self::new(metadata))
    }
}

impl std::ops::Deref for Map {
    type Target = Metadata;

    fn deref(&self) -> &Metadata {
        &self.metadata
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Map {}

impl Hash for Map {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

impl std::fmt::Debug for Map {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tablet = self.tablet();
        write!(f, "v{} e{}", self.version(), tablet.epoch)?;
        match &tablet.transition {
            Some(transition) => write!(f, " {} {}", transition.kind, transition.stage),
            None => write!(f, " replicas {:?}", tablet.replicas),
        }
    }
}

/// The decided versions that somebody may still look at, in order, without a gap.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Log(Vec<Map>);

impl Log {
    pub(super) fn new(first: Map) -> Self {
        Self(vec![first])
    }

    pub(super) fn newest(&self) -> &Map {
        &self.0[self.0.len() - 1]
    }

    pub(super) fn oldest(&self) -> Version {
        self.0[0].version()
    }

    pub(super) fn push(&mut self, map: Map) {
        self.0.push(map);
    }

    /// The map at a version that is not forgotten.
    pub(super) fn at(&self, version: Version) -> &Map {
        &self.0[(version.as_u64() - self.oldest().as_u64()) as usize]
    }

    /// Forgets what is older.
    pub(super) fn forget_before(&mut self, version: Version) {
        let gone = version.as_u64().saturating_sub(self.oldest().as_u64()) as usize;
        self.0.drain(..gone.min(self.0.len() - 1));
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
