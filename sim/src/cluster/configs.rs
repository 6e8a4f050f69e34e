//! The bounds of the product's parts in a simulation: short, as virtual time costs only what happens in it.

use std::time::Duration;

use tidegate_coordinator::{CoordinatorConfig, OperatorConfig, RetryConfig};
use tidegate_kv::KvConfig;
use tidegate_raft::RaftConfig;
use tidegate_replica::ReplicaConfig;
use tidegate_streaming::StreamingConfig;
use tidegate_transport::service::RouterConfig;

use crate::dice::Dice;
use crate::event::FaultKind;
use crate::plan::Plan;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn coordinator() -> CoordinatorConfig {
    CoordinatorConfig {
        retry: RetryConfig {
            delay_min: ms(10),
            delay_max: ms(400),
            barrier_failures_max: 12,
            operation_failures_max: 8,
            behind_answers_max: 12,
        },
        barrier_deadline: ms(1000),
        operation_deadline: ms(1500),
        call_grace: ms(200),
        store_deadline: ms(1000),
        ..CoordinatorConfig::default()
    }
}

pub(crate) fn operator(origin: u32) -> OperatorConfig {
    OperatorConfig {
        deadline: ms(2000),
        delay_min: ms(10),
        delay_max: ms(200),
        origin,
        begun_kept: 64,
    }
}

pub(crate) fn kv() -> KvConfig {
    KvConfig {
        operation_deadline: ms(1500),
        attempt_deadline: ms(500),
        ahead_wait: ms(300),
        caller_wait: ms(1500),
        settle_wait: ms(4),
        retry_wait: ms(10),
        retry_wait_max: ms(200),
        page_deadline: ms(500),
        page_rows_max: 4,
        ..KvConfig::default()
    }
}

pub(crate) fn streaming() -> StreamingConfig {
    StreamingConfig {
        // A few rows make a batch, so that a stream of a small tablet has some.
        batch_bytes: 160,
        batches_in_flight: 2,
        sends_max: 2,
        receives_max: 2,
        permit_wait: ms(300),
        opening_timeout: ms(600),
        answer_timeout: ms(1200),
        stall_timeout: ms(1200),
        receipt_timeout: ms(2500),
        engine_timeout: ms(2500),
        settle_wait: ms(50),
        ..StreamingConfig::default()
    }
}

pub(crate) fn replica() -> ReplicaConfig {
    ReplicaConfig {
        barrier_deadline_max: ms(1500),
        operation_wait_max: ms(1500),
        caller_wait: ms(1500),
        sweep_drain: ms(800),
        sweep_retry: ms(100),
        stop_drain: ms(300),
        ..ReplicaConfig::default()
    }
}

pub(crate) fn router() -> RouterConfig {
    RouterConfig {
        hello_wait: ms(1000),
        stop_wait: ms(200),
        ..RouterConfig::default()
    }
}

pub(crate) fn raft(plan: &Plan) -> RaftConfig {
    let dice = Dice::new(plan.seed, "raft");
    // Whoever is a little behind gets a snapshot, where the seed has that; else nobody does.
    let (snapshot_entries, kept_entries) = if plan.faults.contains(&FaultKind::SnapshotInstall) {
        [(2, 0), (8, 2)][dice.below(2)]
    } else {
        (4096, 1024)
    };
    RaftConfig {
        heartbeat_interval: ms(100),
        election_min: ms(300),
        election_max: ms(600),
        call_deadline: ms(1000),
        caller_wait: ms(1500),
        snapshot_deadline: ms(2000),
        propose_deadline: ms(2000),
        membership_deadline: ms(3000),
        retry_min: ms(10),
        retry_max: ms(200),
        snapshot_entries,
        kept_entries,
        ..RaftConfig::default()
    }
}
