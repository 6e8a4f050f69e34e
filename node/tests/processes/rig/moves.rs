//! Moves: begun, held at a stage, waited for.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Cluster, DEADLINE, Member, until};

/// The stages of a move, forward and back.
pub(crate) const STAGES: [&str; 9] = [
    "allow_write_both_read_old",
    "write_both_read_old",
    "streaming",
    "write_both_read_new",
    "use_new",
    "cleanup",
    "end_migration",
    "cleanup_target",
    "revert_migration",
];

/// A place that nobody leaves while this is there: by default a stage, whoever leads.
#[must_use = "release it"]
pub(crate) struct Hold {
    point: String,
}

impl Hold {
    fn path(&self) -> String {
        format!("/v1/inject/{}", self.point)
    }
}

impl Member {
    fn inject(&self, hold: &Hold, enable: bool) {
        let asked = json!({ "enable": enable });
        let answer = self.http().ask("POST", &hold.path(), Some(&asked));
        let answer = answer.expect("an answer");
        assert!(answer.is_good(), "{answer:?}");
    }
}

impl Cluster {
    /// Holds every transition at a stage, on all nodes that run.
    pub(crate) fn hold(&self, stage: &str) -> Hold {
        self.hold_at(&format!("coordinator::advance::{stage}"))
    }

    /// Holds all who come by a point, on all nodes that run.
    pub(crate) fn hold_at(&self, point: &str) -> Hold {
        let hold = Hold {
            point: point.to_owned(),
        };
        self.inject(&hold, true);
        hold
    }

    /// Holds all who come by a point of one node.
    pub(crate) fn hold_on(&self, node: u64, point: &str) -> Hold {
        let hold = Hold {
            point: point.to_owned(),
        };
        self.member(node).inject(&hold, true);
        hold
    }

    /// Holds it on nodes that were started since, too.
    pub(crate) fn hold_again(&self, hold: &Hold) {
        self.inject(hold, true);
    }

    pub(crate) fn release(&self, hold: &Hold) {
        self.inject(hold, false);
    }

    fn inject(&self, hold: &Hold, enable: bool) {
        self.running().for_each(|member| member.inject(hold, enable));
    }

    /// Waits until somebody on the node is held there.
    pub(crate) fn until_held(&self, node: u64, hold: &Hold) {
        until(&format!("{} on node {node}", hold.point), DEADLINE, || {
            let answer = self.member(node).http().get(&hold.path()).ok()?;
            (answer.json["entries"].as_u64()? > 0).then_some(())
        });
    }

    /// A tablet as a node knows it that is none of these.
    pub(crate) fn tablet(&self, id: u64, but: &[u64]) -> Option<Value> {
        let answer = self
            .any(but)
            .http_within(Duration::from_secs(5))
            .get(&format!("/v1/tablets/{id}"))
            .ok()?;
        answer.is_good().then_some(answer.json)
    }

    pub(crate) fn tablets(&self) -> Vec<Value> {
        until("the tablets", DEADLINE, || {
            let path = format!("/v1/tables/{}/tablets", super::TABLE);
            let answer = self.any(&[]).http().get(&path).ok()?;
            answer.json["tablets"].as_array().cloned()
        })
    }

    pub(crate) fn first_tablet(&self) -> u64 {
        self.tablets()[0]["id"].as_u64().expect("a number")
    }

    pub(crate) fn replicas(&self, id: u64) -> BTreeSet<u64> {
        until("the tablet", DEADLINE, || {
            let tablet = self.tablet(id, &[])?;
            let replicas = tablet["replicas"].as_array()?;
            replicas.iter().map(Value::as_u64).collect()
        })
    }

    /// A replica of the tablet, and a node that could have one: those that were asked for, where they fit.
    pub(crate) fn source_and_target(&self, id: u64) -> (u64, u64) {
        let replicas = self.replicas(id);
        let source = *replicas.first().expect("a replica");
        let mut others = self.running().filter(|member| !replicas.contains(&member.number));
        (source, others.next().expect("a node to move to").number)
    }

    /// Has a move begin.
    pub(crate) fn begin(&self, tablet: u64, from: u64, to: u64) -> Value {
        let path = format!("/v1/tablets/{tablet}/move");
        self.insist("POST", &path, &json!({ "from": from, "to": to }))
    }

    /// Begins a move that gets to the stage: there are stages that only a way back leads through.
    pub(crate) fn begin_towards(&self, stage: &str, tablet: u64, from: u64, to: u64) {
        if !matches!(stage, "cleanup_target" | "revert_migration") {
            self.begin(tablet, from, to);
            return;
        }
        let forward = self.hold("streaming");
        self.begin(tablet, from, to);
        self.until_stage(tablet, "streaming");
        self.insist("POST", &format!("/v1/tablets/{tablet}/cancel"), &json!({}));
        self.release(&forward);
    }

    pub(crate) fn until_stage(&self, id: u64, stage: &str) {
        until(&format!("tablet {id} to be at {stage}"), DEADLINE, || {
            let tablet = self.tablet(id, &[])?;
            (tablet["transition"]["stage"] == stage).then_some(())
        });
    }

    /// Waits until no node that runs knows of a transition of the tablet.
    pub(crate) fn until_ended(&self, id: u64) -> BTreeSet<u64> {
        for member in self.running() {
            let what = format!("the transition of tablet {id} to end, on node {}", member.number);
            until(&what, DEADLINE, || {
                let answer = member
                    .http_within(Duration::from_secs(5))
                    .get(&format!("/v1/tablets/{id}"))
                    .ok()?;
                (answer.is_good() && answer.json["transition"].is_null()).then_some(())
            });
        }
        self.replicas(id)
    }

    /// A move from beginning to end.
    pub(crate) fn moved(&self, tablet: u64) {
        let (from, to) = self.source_and_target(tablet);
        self.begin(tablet, from, to);
        let replicas = self.until_ended(tablet);
        assert!(
            replicas.contains(&to) && !replicas.contains(&from),
            "{from} to {to}: {replicas:?}"
        );
    }
}
