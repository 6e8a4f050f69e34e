//! Keeps the product's own metrics, so that the demo's numbers can come from nowhere else.

mod recorder;
mod snapshot;

pub(crate) use self::recorder::MetricsRecorder;
pub(crate) use self::snapshot::{Distribution, Snapshot};
