//! Somebody asks a command to end, and it wants to say how far it came.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

use super::Failure;
use crate::demo::interrupt::interrupted;

/// Whether somebody asked for the end. A second time ends the program at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt {
    shared: Arc<(Mutex<bool>, Condvar)>,
}

impl Interrupt {
    /// Listens from now on, until the program ends.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let interrupt = Self::default();
        let heard = interrupt.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .context("listening for signals")
            .map_err(Failure::Signals)?;
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    if interrupted().await.is_ok() {
                        heard.set();
                    }
                    if interrupted().await.is_ok() {
                        std::process::exit(130);
                    }
                });
            })
            .context("listening for signals")
            .map_err(Failure::Signals)?;
        Ok(interrupt)
    }

    /// Whether somebody asked for it.
    pub(crate) fn is_set(&self) -> bool {
        *self.lock()
    }

    /// Waits for so long, or until somebody asks; whether somebody did.
    pub(crate) fn within(&self, pause: Duration) -> bool {
        let (_, wake) = &*self.shared;
        let waited = wake.wait_timeout_while(self.lock(), pause, |is_set| !*is_set);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Asks for it.
    pub(crate) fn set(&self) {
        *self.lock() = true;
        self.shared.1.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_woken() {
        let interrupt = Interrupt::default();
        assert!(!interrupt.within(Duration::from_millis(1)));
        let other = interrupt.clone();
        let waiter = thread::spawn(move || other.within(Duration::from_secs(60)));
        interrupt.set();
        assert!(waiter.join().expect("ends"));
        assert!(interrupt.is_set());
    }
}
