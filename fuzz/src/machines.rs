//! Ends of streams, services, clients and a whole node, with a peer that plays a script, in virtual time.
//!
//! Nothing may panic, everything must end within a bound of virtual time, whatever the peer does or leaves undone,
//! and nobody may hold the session afterwards.

pub(crate) mod control_client;
pub(crate) mod kv_client;
pub(crate) mod kv_fill;
pub(crate) mod node;
pub(crate) mod puller;
pub(crate) mod router;
pub(crate) mod sink;
pub(crate) mod source;
pub(crate) mod tcp_streams;

mod cluster;
pub(crate) mod hostile;
pub(crate) mod metadata;
mod script;
pub(crate) mod session;

use std::fmt::Debug;
use std::time::Duration;

use tidegate_streaming::{StreamingConfig, UnitId};
use tidegate_transport::PeerId;
use tidegate_transport::pipe::PipeConfig;
use tokio::time::timeout;

/// The node that is fed.
const NODE: PeerId = PeerId::new(1);
/// The peer that plays a script.
const HOSTILE: PeerId = PeerId::new(2);
/// What is streamed.
const UNIT: UnitId = UnitId::new(1);

/// Virtual time in which everything ends, with all deadlines of the product behind each other.
const BOUND: Duration = Duration::from_secs(3600);

/// Runs a machine on virtual time, in a runtime of its own.
fn in_virtual_time(machine: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(Box::pin(machine)),
        Err(error) => panic!("no runtime: {error}"),
    }
}

/// What comes of something that must end.
async fn ended<T: Debug>(what: &str, work: impl Future<Output = T>) -> T {
    match timeout(BOUND, Box::pin(work)).await {
        Ok(done) => done,
        Err(_) => panic!("{what} has not ended within {BOUND:?}"),
    }
}

/// Small queues, so that few bytes fill them.
const fn small_pipe() -> PipeConfig {
    PipeConfig {
        frame_max: 64 << 10,
        frames_in_flight: 4,
        bytes_in_flight: 64 << 10,
    }
}

/// Small batches, and few in flight.
fn small_streams() -> StreamingConfig {
    StreamingConfig {
        batch_bytes: 512,
        batch_bytes_max: 16 << 10,
        batches_in_flight: 2,
        sends_max: 2,
        receives_max: 2,
        progress_events: 8,
        ..StreamingConfig::default()
    }
}
