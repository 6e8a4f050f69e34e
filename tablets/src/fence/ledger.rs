//! What the fence remembers of each tablet.
//!
//! 1. A gate is in `open` only while its epoch is not below the fence and the tablet is published; it is closed
//!    only after it was moved to `retired`. Both moves happen inside the shard's lock, as do all entries.
//! 2. A retired gate stays listed until it is closed and empty. Whoever makes it so takes it off.
//! 3. An open gate that nobody holds may be dropped at any time: the next entry makes another.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use tidegate_guard::{Gate, OwnedEntry};

use super::{AdmitError, FenceRule};
use crate::primitive::{Mutex, MutexGuard};
use crate::{Epoch, TabletId};

/// Shards of the ledger: two requests share a lock only if their tablets' numbers agree modulo this.
#[cfg(not(tidegate_loom))]
const SHARDS: usize = 64;
/// The model checker keeps a history of each lock, used or not.
#[cfg(tidegate_loom)]
const SHARDS: usize = 1;

/// The gates of one tablet at one epoch.
#[derive(Debug)]
pub(super) struct EpochGates {
    /// Counts who was admitted; closed when the fence passes the epoch.
    pub(super) admitted: Arc<Gate>,
    /// Nobody enters it; closed when the metadata shows a later epoch.
    pub(super) changed: Gate,
}

#[derive(Debug)]
struct Tablet {
    rule: FenceRule,
    open: BTreeMap<Epoch, Arc<EpochGates>>,
    retired: Vec<(Epoch, Arc<EpochGates>)>,
}

impl Tablet {
    fn retire_below(&mut self, epoch: Epoch) {
        let kept = self.open.split_off(&epoch);
        self.retired.extend(std::mem::replace(&mut self.open, kept));
    }

    fn retired_gates(&self) -> Vec<Arc<EpochGates>> {
        self.retired.iter().map(|(_, gates)| Arc::clone(gates)).collect()
    }

    /// Nobody can be on the way in: entering happens inside the lock that the caller holds. What those did who left
    /// their gate is visible once the count is seen to be none, and to whoever takes the lock later.
    fn drop_unheld(&mut self) {
        self.open.retain(|_, gates| gates.admitted.holders() > 0);
    }
}

type Shard = Mutex<BTreeMap<TabletId, Tablet>>;

pub(super) struct Ledger {
    shards: Vec<Shard>,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
        }
    }

    /// Publishes; answers the gates of the older epochs, for the caller to tell of the change.
    pub(super) fn publish(&self, tablet: TabletId, epoch: Epoch) -> Vec<Arc<EpochGates>> {
        self.with(tablet, |tablets| {
            let entry = tablets.entry(tablet).or_insert_with(|| Tablet {
                rule: FenceRule::first(epoch),
                open: BTreeMap::new(),
                retired: Vec::new(),
            });
            let published = entry.rule.publish(epoch);
            // Mostly: nobody has asked for anything since the one before.
            if entry.open.is_empty() && entry.retired.is_empty() {
                return Vec::new();
            }
            entry.drop_unheld();
            let open = entry.open.range(..published).map(|(_, gates)| Arc::clone(gates));
            let mut older: Vec<_> = open.collect();
            older.extend(entry.retired_gates());
            older
        })
    }

    /// Forgets; answers all gates that are still held, for the caller to close.
    pub(super) fn forget(&self, tablet: TabletId) -> Vec<Arc<EpochGates>> {
        self.with(tablet, |tablets| {
            let Some(entry) = tablets.get_mut(&tablet) else {
                return Vec::new();
            };
            entry.rule.forget();
            let open = std::mem::take(&mut entry.open);
            entry.retired.extend(open);
            entry.retired_gates()
        })
    }

    /// Raises; answers whether the tablet is published, and the gates below the fence, for the caller to close.
    pub(super) fn raise(&self, tablet: TabletId, epoch: Epoch) -> (bool, Vec<Arc<EpochGates>>) {
        self.with(tablet, |tablets| {
            let Some(entry) = tablets.get_mut(&tablet) else {
                return (false, Vec::new());
            };
            let fence = entry.rule.raise(epoch);
            entry.retire_below(fence);
            (entry.rule.published().is_some(), entry.retired_gates())
        })
    }

    /// Enters the gate of an epoch.
    pub(super) fn admit(
        &self,
        tablet: TabletId,
        epoch: Epoch,
    ) -> Result<(Arc<EpochGates>, OwnedEntry), AdmitError> {
        self.with(tablet, |tablets| {
            #[cfg(tidegate_mutants)]
            if tidegate_mutants::on("serves-what-it-is-no-replica-of") {
                tablets.entry(tablet).or_insert_with(|| Tablet {
                    rule: FenceRule::first(epoch),
                    open: BTreeMap::new(),
                    retired: Vec::new(),
                });
            }
            let entry = tablets.get_mut(&tablet).ok_or(AdmitError::NotReplica)?;
            let published = entry.rule.admit(epoch)?;
            // One step with the comparison above: a raise that comes later finds this entry and waits for it, a
            // raise that came before was seen.
            let gates = match entry.open.get(&epoch) {
                Some(gates) => Arc::clone(gates),
                None => {
                    entry.drop_unheld();
                    let gates = Arc::new(EpochGates {
                        admitted: Arc::new(Gate::new()),
                        changed: Gate::new(),
                    });
                    if epoch < published {
                        // Nobody waits at a gate that is new, so this wakes nobody inside the lock.
                        gates.changed.close();
                    }
                    entry.open.insert(epoch, Arc::clone(&gates));
                    gates
                }
            };
            // An open gate is not closed before it is retired (1), so this never fails.
            let stale = |_| AdmitError::Stale {
                wanted: entry.rule.fence().max(published),
            };
            let held = gates.admitted.enter_owned().map_err(stale)?;
            Ok((gates, held))
        })
    }

    /// The gates of the epochs below one, closed or not.
    pub(super) fn older(&self, tablet: TabletId, epoch: Epoch) -> Vec<Arc<EpochGates>> {
        self.with(tablet, |tablets| {
            let Some(entry) = tablets.get(&tablet) else {
                return Vec::new();
            };
            let open = entry.open.range(..epoch).map(|(_, gates)| Arc::clone(gates));
            let retired = entry
                .retired
                .iter()
                .filter(|(of, _)| *of < epoch)
                .map(|(_, gates)| Arc::clone(gates));
            open.chain(retired).collect()
        })
    }

    /// The fence and the published epoch of a tablet that is published.
    pub(super) fn published(&self, tablet: TabletId) -> Option<(Epoch, Epoch)> {
        self.with(tablet, |tablets| {
            let entry = tablets.get(&tablet)?;
            Some((entry.rule.fence(), entry.rule.published()?))
        })
    }

    /// Takes retired gates that are closed and empty off the list, and a forgotten tablet with its last gate.
    ///
    /// Called after a gate was closed, and after the last holder of a closed gate has left. Of these two the later
    /// one sees the gate drained, because both flip the one word of the gate and read it again afterwards; so no
    /// gate stays behind.
    pub(super) fn prune(&self, tablet: TabletId) {
        self.with(tablet, |tablets| {
            let Some(entry) = tablets.get_mut(&tablet) else {
                return;
            };
            entry.retired.retain(|(_, gates)| !gates.admitted.is_drained());
            if entry.rule.published().is_none() && entry.retired.is_empty() {
                tablets.remove(&tablet);
            }
        });
    }

    /// How many tablets are remembered.
    pub(super) fn tablets(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// How many gates are remembered, of all tablets.
    pub(super) fn gates(&self) -> usize {
        let of = |tablet: &Tablet| tablet.open.len() + tablet.retired.len();
        self.shards
            .iter()
            .map(|shard| lock(shard).values().map(of).sum::<usize>())
            .sum()
    }

    fn with<T>(&self, tablet: TabletId, work: impl FnOnce(&mut BTreeMap<TabletId, Tablet>) -> T) -> T {
        let at = (tablet.as_u64() % SHARDS as u64) as usize;
        work(&mut lock(&self.shards[at]))
    }
}

fn lock(shard: &Shard) -> MutexGuard<'_, BTreeMap<TabletId, Tablet>> {
    // Nothing under the lock panics, so a poisoned lock guards a whole map.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
