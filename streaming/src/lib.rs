//! Streams of opaque batches under a guard.
//!
//! (book page to come: the crate's owner completes it)

mod account;
mod batch;
mod call;
mod cause;
mod config;
mod context;
mod engine;
mod lifeline;
mod meters;
mod opening;
mod points;
mod progress;
mod pull;
mod receipt;
mod service;
mod sink;
mod source;
mod throttle;
mod unit;
mod wire;

pub use crate::batch::{Batch, Position};
pub use crate::cause::EndCause;
pub use crate::config::StreamingConfig;
pub use crate::context::StreamingContext;
pub use crate::engine::{EngineError, Scan, SourceEngine, Staging, TargetEngine};
pub use crate::meters::{staging_area_dropped, staging_area_made};
pub use crate::opening::{Admission, Opening, Refusal};
pub use crate::progress::{ProgressEvents, ProgressStep, StreamProgress, StreamRole};
pub use crate::pull::{PullError, PullReport, PullRequest, Puller, RetryClass, StreamReport};
pub use crate::receipt::Receipt;
pub use crate::service::{STREAM_SERVICE, StreamService};
pub use crate::sink::{BatchSink, PendingSink, SinkError};
pub use crate::source::{BatchSource, SourceError};
pub use crate::throttle::Throttle;
pub use crate::unit::UnitId;
pub use crate::wire::WireError;
