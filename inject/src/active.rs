//! The injector of a build with the feature `injection`.

mod points;

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use self::points::{Arrival, Enabling, Points};
use crate::{EntriesError, Held, Message, Params, WaitError};

/// Turns points on and off, and enters them.
///
/// A cheap handle: clones share their points, injectors made apart share nothing. Tests keep one clone and hand
/// another to the program.
#[derive(Clone, Default)]
pub struct Injector {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    points: Mutex<Points>,
    /// Told after every change of `points`.
    changed: Notify,
}

/// What a point hands to the code that came by.
pub struct Entered {
    injector: Injector,
    enabling: Enabling,
    params: Arc<Params>,
    /// How many messages of the enabling it has read.
    read: u64,
}

impl Injector {
    /// Whether this build has injection points.
    pub const COMPILED_IN: bool = true;

    /// An injector with every point off.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Turns a point on. If it is on it is turned off first, which releases who waits in it.
    pub fn enable(&self, point: &str, params: Params) {
        self.change(|points| points.enable(point, params));
    }

    /// Turns a point off and releases who waits in it.
    pub fn disable(&self, point: &str) {
        self.change(|points| points.disable(point));
    }

    /// Turns every point off and releases who waits.
    pub fn disable_all(&self) {
        self.change(Points::disable_all);
    }

    /// Whether an entry would find the point on: enabled, and not a one-shot that was entered.
    #[must_use]
    pub fn is_enabled(&self, point: &str) -> bool {
        self.with(|points| points.is_enabled(point))
    }

    /// How often the point was found on and entered, over all times it was enabled.
    #[must_use]
    pub fn entries(&self, point: &str) -> u64 {
        self.with(|points| points.entries(point))
    }

    /// Waits until the point was entered `wanted` times, as [`entries`](Self::entries) counts them.
    ///
    /// # Errors
    ///
    /// [`EntriesError`] at the deadline.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub async fn wait_for_entries(
        &self,
        point: &str,
        wanted: u64,
        deadline: Duration,
    ) -> Result<(), EntriesError> {
        let came = self.until(|points| (points.entries(point) >= wanted).then_some(()));
        let result = tokio::time::timeout(deadline, came).await;
        result.map_err(|_elapsed| EntriesError {
            entries: self.entries(point),
            wanted,
            waited: deadline,
        })
    }

    /// Sends a message to whoever is in the point, and to who enters it before it is enabled anew; answers
    /// whether the point has been enabled and not disabled.
    pub fn message(&self, point: &str, message: impl Into<Message>) -> bool {
        let message = message.into();
        self.change(|points| points.message(point, message))
    }

    /// Enters the point if it is on: counts, and turns a one-shot off.
    #[must_use]
    pub fn enter(&self, point: &str) -> Option<Entered> {
        // Checked and consumed under one lock: of many threads that come by, one takes a one-shot.
        let Arrival { enabling, params } = self.with(|points| points.enter(point))?;
        self.shared.changed.notify_waiters();
        Some(Entered {
            injector: self.clone(),
            enabling,
            params,
            read: 0,
        })
    }

    /// If the point is on, enters it and stays until a message comes, the point is disabled, or `until` ends.
    ///
    /// # Cancel safety
    ///
    /// Safe, but the entry stays counted, and a one-shot consumed.
    pub async fn hold(&self, point: &str, until: impl Future) -> Held {
        let Some(mut entered) = self.enter(point) else {
            return Held::Absent;
        };
        tokio::select! {
            biased;
            _ = until => Held::Interrupted,
            next = entered.next() => next.map_or(Held::Disabled, Held::Message),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Points) -> T) -> T {
        // A panic under the lock would be a bug of `Points`, whose every step leaves a whole map.
        let mut points = match self.shared.points.lock() {
            Ok(points) => points,
            Err(poisoned) => poisoned.into_inner(),
        };
        work(&mut points)
    }

    fn change<T>(&self, work: impl FnOnce(&mut Points) -> T) -> T {
        let answer = self.with(work);
        self.shared.changed.notify_waiters();
        answer
    }

    async fn until<T>(&self, look: impl Fn(&Points) -> Option<T>) -> T {
        loop {
            let mut changed = pin!(self.shared.changed.notified());
            // On the list before looking: a change made after the look finds it there.
            changed.as_mut().enable();
            if let Some(answer) = self.with(|points| look(points)) {
                return answer;
            }
            changed.await;
        }
    }
}

impl Entered {
    /// What the test handed in.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// A field of what the test handed in.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.params.fields.get(name).map(String::as_str)
    }

    /// Waits for the next message.
    ///
    /// # Errors
    ///
    /// [`WaitError`]: the point was disabled, or the deadline passed.
    ///
    /// # Cancel safety
    ///
    /// Safe: a message is taken only by a wait that ends with it.
    pub async fn wait_for_message(&mut self, deadline: Duration) -> Result<Message, WaitError> {
        match tokio::time::timeout(deadline, self.next()).await {
            Ok(next) => next.ok_or(WaitError::Disabled),
            Err(_elapsed) => Err(WaitError::TimedOut { waited: deadline }),
        }
    }

    /// The next message, if there is one.
    pub fn poll_for_message(&mut self) -> Option<Message> {
        let (message, read) = self
            .injector
            .with(|points| points.read(&self.enabling, self.read))
            .flatten()?;
        self.read = read;
        Some(message)
    }

    /// Whether the point was disabled, or enabled anew, since this entry.
    #[must_use]
    pub fn is_released(&self) -> bool {
        self.injector
            .with(|points| points.read(&self.enabling, self.read))
            .is_none()
    }

    /// The next message; `None` once the point was disabled.
    async fn next(&mut self) -> Option<Message> {
        let (enabling, read) = (&self.enabling, self.read);
        let found = self.injector.until(|points| match points.read(enabling, read) {
            Some(None) => None,
            Some(Some(found)) => Some(Some(found)),
            None => Some(None),
        });
        let (message, read) = found.await?;
        self.read = read;
        Some(message)
    }
}

impl fmt::Debug for Injector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Injector")
            .field("enabled", &self.with(|points| points.enabled()))
            .finish()
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entered")
            .field("point", &self.enabling.point())
            .field("params", &self.params)
            .finish_non_exhaustive()
    }
}
