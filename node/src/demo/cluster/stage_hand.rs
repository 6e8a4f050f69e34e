//! Steps in between a replica and its engine, over the public traits, when the scenario says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tidegate_guard::SharedGuard;
use tidegate_streaming::{Batch, EngineError, Position, Staging, UnitId};
use tidegate_transport::PeerId;
use tokio::sync::watch;
use tracing::info;

/// What to do when a unit's batch is staged; must not wait.
pub(crate) type AtBatch = Arc<dyn Fn(PeerId) + Send + Sync>;

/// Holds an attach back, or acts in the middle of a stream: each once, for one unit, when the scenario says so.
#[derive(Clone, Default)]
pub(crate) struct StageHand {
    plans: Arc<Mutex<Plans>>,
}

#[derive(Default)]
struct Plans {
    attach: BTreeMap<UnitId, HeldAttach>,
    batch: BTreeMap<UnitId, AtBatch>,
}

impl std::fmt::Debug for StageHand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StageHand").finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
struct HeldAttach {
    state: watch::Sender<Held>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Armed,
    Holding,
    Released,
    Ended,
}

/// The scenario's end of a held attach.
#[derive(Debug)]
pub(crate) struct AttachHold {
    state: watch::Sender<Held>,
}

impl StageHand {
    /// Holds the next attach of `unit`: when everything is staged and the receipts match, before it is attached.
    pub(crate) fn hold_attach(&self, unit: UnitId) -> AttachHold {
        let state = watch::Sender::new(Held::Armed);
        self.lock()
            .attach
            .insert(unit, HeldAttach { state: state.clone() });
        AttachHold { state }
    }

    /// Acts, once, when the next batch of `unit` is staged.
    pub(crate) fn at_batch(&self, unit: UnitId, act: AtBatch) {
        self.lock().batch.insert(unit, act);
    }

    /// Takes the act back, if it has not come to pass; answers whether it had.
    pub(crate) fn acted(&self, unit: UnitId) -> bool {
        self.lock().batch.remove(&unit).is_none()
    }

    /// Steps in between a staging area and its user.
    pub(crate) fn wrap(&self, unit: UnitId, inner: Box<dyn Staging>) -> Box<dyn Staging> {
        Box::new(HandledStaging {
            hand: self.clone(),
            unit,
            inner,
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Plans> {
        // Nothing under the lock panics.
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AttachHold {
    /// Waits until the attach is being held.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub(crate) async fn holding(&self) {
        self.reached(Held::Holding).await;
    }

    /// Lets the held attach go on.
    pub(crate) fn release(&self) {
        self.state.send_if_modified(|state| {
            let held = matches!(state, Held::Armed | Held::Holding);
            if held {
                *state = Held::Released;
            }
            held
        });
    }

    /// Waits until the attach that was held has ended, either way.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub(crate) async fn ended(&self) {
        self.reached(Held::Ended).await;
    }

    async fn reached(&self, wanted: Held) {
        let mut state = self.state.subscribe();
        // This end holds a sender, so the channel stays open.
        let _ = state.wait_for(|state| *state as u8 >= wanted as u8).await;
    }
}

#[derive(Debug)]
struct HandledStaging {
    hand: StageHand,
    unit: UnitId,
    inner: Box<dyn Staging>,
}

#[async_trait]
impl Staging for HandledStaging {
    async fn attached(&self) -> Result<bool, EngineError> {
        self.inner.attached().await
    }

    async fn position(&self, source: PeerId) -> Result<Option<Position>, EngineError> {
        self.inner.position(source).await
    }

    async fn stage(&self, guard: SharedGuard, source: PeerId, batch: Batch) -> Result<(), EngineError> {
        let act = self.hand.lock().batch.remove(&self.unit);
        if let Some(act) = act {
            act(source);
        }
        self.inner.stage(guard, source, batch).await
    }

    async fn sync(&self, guard: SharedGuard) -> Result<(), EngineError> {
        self.inner.sync(guard).await
    }

    async fn attach(&self, guard: SharedGuard) -> Result<(), EngineError> {
        let held = self.hand.lock().attach.remove(&self.unit);
        let Some(held) = held else {
            return self.inner.attach(guard).await;
        };
        held.state.send_if_modified(|state| {
            let armed = *state == Held::Armed;
            if armed {
                *state = Held::Holding;
            }
            armed
        });
        let mut state = held.state.subscribe();
        // It listens to the session and to nothing else that the product has.
        tokio::select! {
            biased;
            () = guard.closing() => {}
            _ = state.wait_for(|state| *state == Held::Released) => {}
        }
        // By now another attempt of the same session may have attached this area, and attaching it twice succeeds by
        // doing nothing. Whoever comes late is told so instead.
        let result = match guard.check() {
            Ok(()) => self.inner.attach(guard).await,
            Err(rejected) => Err(rejected.into()),
        };
        match &result {
            Ok(()) => info!(tablet = %self.unit, "the held receiver attached what it had"),
            Err(EngineError::Rejected(rejected)) => {
                info!(tablet = %self.unit, %rejected, "the held receiver was refused");
            }
            Err(error) => info!(tablet = %self.unit, %error, "the held receiver was refused"),
        }
        held.state.send_replace(Held::Ended);
        result
    }
}
