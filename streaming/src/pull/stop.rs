//! Tells the streams of a pull that they are given up.

use std::sync::OnceLock;

use tokio::sync::Notify;

use crate::EndCause;

/// Tells the streams of a pull, once, that they are given up, and why.
#[derive(Debug, Default)]
pub(super) struct Stop {
    cause: OnceLock<EndCause>,
    /// Wakes those who wait in the order in which they came, which a watch channel of tokio does not.
    changed: Notify,
}

impl Stop {
    /// The first cause stays.
    pub(super) fn tell(&self, cause: EndCause) {
        // An error says that there is a cause already.
        let _ = self.cause.set(cause);
        self.changed.notify_waiters();
    }

    /// Completes when the streams are to be given up.
    ///
    /// Cancel safe.
    pub(super) async fn told(&self) -> EndCause {
        loop {
            // Made before the look at the cause: it hears of one that is told from here on.
            let changed = self.changed.notified();
            if let Some(cause) = self.cause.get() {
                return *cause;
            }
            changed.await;
        }
    }
}
