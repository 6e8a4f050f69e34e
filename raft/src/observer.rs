//! Whoever looks on while a node applies the log.

use std::fmt;

use tidegate_tablets::{Decided, Metadata, Version};

/// Looks on while a node applies the log: a simulation that holds what the nodes apply against each other, or a
/// journal that may miss no state, as one who follows the [changes](tidegate_tablets::MetadataStore::changes) may.
///
/// Called by the task that applies, which waits meanwhile: it must not block. After a start the node applies again what
/// its snapshot does not cover.
pub trait Observer: Send + Sync + fmt::Debug + 'static {
    /// The node applies one proposal, in the log's order; what comes of it is `after`. Told before anyone sees it in
    /// the node's copy.
    fn decided(&self, after: &Metadata, decided: &Decided);

    /// The node's copy has stepped forward, over one proposal or several, or over states that it never sees: those that
    /// a snapshot covers.
    fn applied(&self, version: Version, by_snapshot: bool);
}

/// Nobody looks.
#[derive(Debug)]
pub(crate) struct Nobody;

impl Observer for Nobody {
    fn decided(&self, _after: &Metadata, _decided: &Decided) {}

    fn applied(&self, _version: Version, _by_snapshot: bool) {}
}
