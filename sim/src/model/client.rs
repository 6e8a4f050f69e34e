//! A client deletes the row: its parts come late, are let in by the fence or not, and take effect later still.

use std::collections::BTreeSet;

use tidegate_tablets::{AdmitError, NodeId, quorum_of};

use super::reached::{Reach, reach};
use super::state::{Client, Request, Row, State};

impl State {
    /// The client picks the replicas by the newest map, and asks them. That map may be old when they are reached.
    pub(super) fn try_to_delete(&mut self) {
        for request in &mut self.requests {
            request.awaited = false;
        }
        if self.is_purged() {
            // Not later than the floor: not tried again.
            self.client = Client::Unknown;
            return;
        }
        let map = self.log.newest();
        let (epoch, tablet) = (map.tablet().epoch, map.tablet());
        let sets: Vec<BTreeSet<NodeId>> = tablet.write_sets().into_iter().cloned().collect();
        let asked: BTreeSet<NodeId> = sets.iter().flatten().copied().collect();
        let asked = asked.into_iter().filter(|node| !map.is_excluded(*node));
        let requests: Vec<Request> = asked
            .map(|node| Request {
                node,
                epoch,
                row: Row::Tombstone,
                admitted: false,
                awaited: true,
            })
            .collect();
        self.requests.extend(requests);
        self.client = Client::Trying {
            epoch,
            sets,
            holders: BTreeSet::new(),
        };
    }

    /// Whether a request can be looked at: its node has a map that is not behind it.
    pub(super) fn may_arrive(&self, request: &Request) -> bool {
        !request.admitted
            && self
                .map_of(request.node)
                .is_some_and(|map| map.tablet().epoch >= request.epoch)
    }

    /// A request reaches the fence.
    pub(super) fn arrive(&mut self, mut request: Request) {
        let rule = self.node(request.node).fence;
        match rule.map_or(Err(AdmitError::NotReplica), |rule| rule.admit(request.epoch)) {
            Ok(_) => {
                if self.is_of_an_earlier_life(&request) {
                    self.breaks("a fence lets nothing in from before its node took part");
                }
                request.admitted = true;
                self.requests.push(request);
            }
            Err(AdmitError::Ahead { .. }) => self.requests.push(request),
            Err(AdmitError::Stale { .. } | AdmitError::NotReplica) => {
                reach(Reach::FenceRefused);
                if request.awaited {
                    // Its answers are forgotten, and it starts again by the newest map.
                    self.try_to_delete();
                }
            }
        }
    }

    /// Whether a request was meant for its node before the transition began in which that is the pending replica.
    fn is_of_an_earlier_life(&self, request: &Request) -> bool {
        let map = self.map_of(request.node);
        let transition = map.and_then(|map| map.tablet().transition.as_ref());
        transition.is_some_and(|t| t.pending() == Some(request.node) && request.epoch < t.begun)
    }

    /// A request takes effect, and its guard is dropped.
    pub(super) fn take_effect(&mut self, request: &Request) {
        let node = self.node_mut(request.node);
        node.row = node.row.max(request.row);
        self.forget_empty_fence(request.node);
        let Client::Trying { sets, holders, .. } = &mut self.client else {
            return;
        };
        if !request.awaited {
            return;
        }
        holders.insert(request.node);
        let held = |set: &BTreeSet<NodeId>| set.intersection(holders).count() >= quorum_of(set);
        if sets.iter().all(held) {
            self.client = Client::Acknowledged;
            for request in &mut self.requests {
                request.awaited = false;
            }
        }
    }

    /// Requests of a node are gone; a client that waits for one of them never knows.
    pub(super) fn lose_requests(&mut self, id: NodeId, which: impl Fn(&Request) -> bool) {
        let lost = |request: &Request| request.node == id && which(request);
        if self
            .requests
            .iter()
            .any(|request| lost(request) && request.awaited)
        {
            self.client = Client::Unknown;
            for request in &mut self.requests {
                request.awaited = false;
            }
        }
        self.requests.retain(|request| !lost(request));
    }
}
