//! The registry through its public API.

mod drain;
mod measure;
mod races;
mod states;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tidegate_guard::{FrozenGuard, Label, Rejected, SessionId, SharedGuard};
use tidegate_session::{SessionConfig, SessionRegistry, Sessions};

/// Long enough to mean that something hangs.
const DEADLINE: Duration = Duration::from_secs(60);
/// The epoch that wrote every session here.
const EPOCH: u64 = 7;

fn registry() -> Arc<SessionRegistry> {
    SessionRegistry::new(SessionConfig::default())
}

fn id(number: u128) -> SessionId {
    SessionId::from_u128(number).expect("not nil")
}

fn ids(numbers: impl IntoIterator<Item = u128>) -> BTreeSet<SessionId> {
    numbers.into_iter().map(id).collect()
}

fn frozen(number: u128) -> FrozenGuard {
    FrozenGuard {
        session: id(number),
        epoch: EPOCH,
    }
}

fn thaw(sessions: &dyn Sessions, number: u128, label: &'static str) -> Result<SharedGuard, Rejected> {
    sessions.thaw(&frozen(number), EPOCH, Label::new(label))
}
