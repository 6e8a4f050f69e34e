//! Metadata, from the store to the node, for as long as there is some.

use std::sync::Arc;

#[cfg(tidegate_mutants)]
use tidegate_tablets::Version;
use tidegate_tablets::{MetadataStore, StoreStopped};
use tracing::warn;

use crate::applier::Applier;

/// Applies metadata until there is no more; from then on what this node knows may be out of date without its noticing,
/// so it admits nothing any more.
pub(crate) async fn follow(store: Arc<dyn MetadataStore>, applier: Applier) {
    let published = Arc::clone(&applier.published);
    let stopped = apply(store, applier).await;
    published.withdraw();
    warn!(%stopped, "no more metadata is applied: this node serves nothing any more");
}

async fn apply(store: Arc<dyn MetadataStore>, applier: Applier) -> StoreStopped {
    let changes = store.changes();
    #[cfg(tidegate_mutants)]
    if tidegate_mutants::on("no-read-barrier-after-start") {
        return applier.run(changes, Version::default()).await;
    }
    match store.read_barrier().await {
        Ok(barrier) => applier.run(changes, barrier).await,
        Err(stopped) => stopped,
    }
}
