//! The injector of a build without the feature `injection`: nothing, in the same shape.

use std::future::Future;
use std::time::Duration;

use crate::{EntriesError, Held, Message, Params, WaitError};

/// Turns points on and off, and enters them; in this build it does nothing.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Injector;

/// What a point hands to the code that came by; in this build there is none.
#[derive(Debug)]
pub enum Entered {}

impl Injector {
    /// Whether this build has injection points.
    pub const COMPILED_IN: bool = false;

    /// An injector with every point off.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self
    }

    /// Turns a point on; in this build nothing happens.
    #[inline]
    pub fn enable(&self, _point: &str, _params: Params) {}

    /// Turns a point off; in this build nothing happens.
    #[inline]
    pub fn disable(&self, _point: &str) {}

    /// Turns every point off; in this build nothing happens.
    #[inline]
    pub fn disable_all(&self) {}

    /// Whether an entry would find the point on: never in this build.
    #[inline]
    #[must_use]
    pub const fn is_enabled(&self, _point: &str) -> bool {
        false
    }

    /// How often the point was entered: never in this build.
    #[inline]
    #[must_use]
    pub const fn entries(&self, _point: &str) -> u64 {
        0
    }

    /// Waits until the point was entered `wanted` times; in this build it answers at once.
    ///
    /// # Errors
    ///
    /// [`EntriesError`] for any `wanted` but zero: no entry will ever come.
    ///
    /// # Cancel safety
    ///
    /// Safe: it does not wait.
    #[inline]
    pub async fn wait_for_entries(
        &self,
        _point: &str,
        wanted: u64,
        _deadline: Duration,
    ) -> Result<(), EntriesError> {
        if wanted == 0 {
            Ok(())
        } else {
            Err(EntriesError {
                entries: 0,
                wanted,
                waited: Duration::ZERO,
            })
        }
    }

    /// Sends a message; in this build nobody hears it.
    #[inline]
    pub fn message(&self, _point: &str, _message: impl Into<Message>) -> bool {
        false
    }

    /// Enters the point: never in this build.
    #[inline]
    #[must_use]
    pub const fn enter(&self, _point: &str) -> Option<Entered> {
        None
    }

    /// Stays in the point if it is enabled; in this build it answers at once.
    ///
    /// # Cancel safety
    ///
    /// Safe: it does not wait.
    #[inline]
    pub async fn hold(&self, _point: &str, _until: impl Future) -> Held {
        Held::Absent
    }
}

impl Entered {
    /// What the test handed in.
    #[must_use]
    pub fn params(&self) -> &Params {
        match *self {}
    }

    /// A field of what the test handed in.
    #[must_use]
    pub fn field(&self, _name: &str) -> Option<&str> {
        match *self {}
    }

    /// Waits for the next message.
    ///
    /// # Errors
    ///
    /// [`WaitError`], never seen: there is no value of this type.
    ///
    /// # Cancel safety
    ///
    /// Safe: there is nothing to cancel.
    pub async fn wait_for_message(&mut self, _deadline: Duration) -> Result<Message, WaitError> {
        match *self {}
    }

    /// The next message, if there is one.
    pub fn poll_for_message(&mut self) -> Option<Message> {
        match *self {}
    }

    /// Whether the point was disabled, or enabled anew, since this entry.
    #[must_use]
    pub fn is_released(&self) -> bool {
        match *self {}
    }
}
