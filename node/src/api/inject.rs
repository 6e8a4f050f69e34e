//! Injection points, in builds made for it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Turns an injection point on or off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InjectRequest {
    /// Whether it is on; by default it is turned on, unless a message is sent.
    #[serde(default)]
    pub(crate) enable: Option<bool>,
    /// Whether it goes off after it was entered once.
    #[serde(default)]
    pub(crate) once: bool,
    /// A message for whoever waits in it.
    #[serde(default)]
    #[schema(max_length = 1024)]
    pub(crate) message: Option<String>,
}

/// What an injection point is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Injected {
    /// Its name.
    pub(crate) point: String,
    /// Whether it is on.
    pub(crate) enabled: bool,
    /// How often it was entered while it was on.
    pub(crate) entries: u64,
}
