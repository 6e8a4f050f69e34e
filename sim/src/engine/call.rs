//! A call that goes on to its end whether it is waited for or not.

use std::sync::Arc;

use tidegate_guard::SharedGuard;
use tidegate_streaming::EngineError;
use tokio::time::{Instant, sleep_until};

use super::disk::Shared;
use super::state::Effect;

/// A call that has started. Dropped before its end, the rest of it runs in a task: it owns its guard till then.
pub(super) struct Call {
    rest: Option<Rest>,
}

/// What is left to do of a call.
struct Rest {
    shared: Arc<Shared>,
    call: u64,
    effect_at: Option<Instant>,
    end_at: Option<Instant>,
    result: Option<Result<u64, EngineError>>,
}

impl Call {
    /// Starts a call.
    pub(super) fn start(
        shared: &Arc<Shared>,
        engine: u64,
        effect: Effect,
        guard: Option<SharedGuard>,
    ) -> Result<Self, EngineError> {
        let (call, times) = shared.begin(engine, effect, guard)?;
        // Most calls are short, and one that takes no time needs no timer.
        let at = |time: std::time::Duration| (!time.is_zero()).then(|| Instant::now() + time);
        Ok(Self {
            rest: Some(Rest {
                shared: Arc::clone(shared),
                call,
                effect_at: at(times.effect),
                end_at: at(times.end).filter(|_| times.end > times.effect),
                result: None,
            }),
        })
    }

    /// Waits for the end.
    pub(super) async fn wait(mut self) -> Result<u64, EngineError> {
        let result = match &mut self.rest {
            Some(rest) => rest.run().await,
            None => Err(Shared::crashed()),
        };
        self.rest = None;
        result
    }
}

impl Rest {
    /// Runs to the end. Dropped in between, it may be run again, and goes on.
    async fn run(&mut self) -> Result<u64, EngineError> {
        if self.result.is_none() {
            if let Some(at) = self.effect_at {
                sleep_until(at).await;
            }
            self.result = Some(self.shared.take_effect(self.call));
        }
        if let Some(at) = self.end_at {
            sleep_until(at).await;
        }
        if !self.shared.end(self.call) {
            return Err(Shared::crashed());
        }
        self.result.take().unwrap_or_else(|| Err(Shared::crashed()))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(mut rest) = self.rest.take()
            // Without a runtime nothing goes on.
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move { rest.run().await });
        }
    }
}
