//! The coordinator's calls, answered by a node that plays a script.

use std::time::Duration;

use tidegate_coordinator::{BarrierRequest, Operation, OperationKind, Participants};
use tidegate_replica::ReplicaClient;
use tidegate_tablets::{Epoch, TabletId, Version};
use tokio::sync::mpsc;

use super::cluster::{lines, network, play_all};
use super::metadata::FAR;
use super::script::Script;
use super::session::frozen;
use super::{HOSTILE, NODE, ended, in_virtual_time};

pub(crate) fn run(input: &[u8]) {
    in_virtual_time(async move {
        let network = network();
        let (near, far) = (lines(&network, NODE), lines(&network, HOSTILE));
        let peer = tokio::spawn(play_all(far, Script::new(input)));
        let client = ReplicaClient::new(near);
        let deadline = Duration::from_secs(30);
        let (answers, mut told) = mpsc::channel(4);
        let request = BarrierRequest {
            tablets: vec![(TabletId::new(1), Epoch::new(1))],
            min_version: Version::new(1),
            deadline,
        };
        let listening = tokio::spawn(async move { while told.recv().await.is_some() {} });
        // Errors are among the outcomes.
        drop(ended("a barrier's call", client.barrier(FAR, request, answers)).await);
        let operation = Operation {
            kind: OperationKind::Stream,
            tablet: TabletId::new(1),
            frozen: frozen(),
            min_version: Version::new(1),
            deadline,
        };
        drop(ended("an operation's call", client.operate(FAR, operation)).await);
        listening.abort();
        peer.abort();
    });
}
