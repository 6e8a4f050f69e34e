//! What a cluster at work measures is what is documented.

use super::*;
use crate::telemetry::{Recording, hold_against_the_list};

/// On one thread, which is where it records.
#[tokio::test]
async fn what_a_cluster_at_work_measures_is_documented() {
    let recording = Recording::new();
    let _recorded = metrics::set_default_local_recorder(recording.recorder());
    let place = Place::new();
    let nodes = found_three(&place).await;
    let tablet = TabletId::new(0);
    nodes[0]
        .operator
        .create_table("files".to_owned(), vec![[n(1), n(2)].into()])
        .await
        .expect("a table");
    nodes[0]
        .operator
        .move_tablet(tablet, n(1), n(3))
        .await
        .expect("begins");
    until("the tablet has moved", || {
        let map = nodes[2].raft.snapshot();
        let tablet = &map.tablets[&tablet];
        tablet.transition.is_none() && tablet.replicas == [n(2), n(3)].into()
    })
    .await;
    let samplers: Vec<_> = nodes
        .iter()
        .map(|node| tokio::spawn(recording.metrics().keep(Arc::clone(node))))
        .collect();
    until("it was sampled", || {
        let rendered = recording.metrics().render();
        rendered.contains("tidegate_raft_leader_known 1") && rendered.contains("tidegate_certificate")
    })
    .await;
    let rendered = recording.metrics().render();
    let seen = hold_against_the_list(&rendered);
    for name in [
        "tidegate_certificate_seconds_left",
        "tidegate_oldest_holder_seconds",
        "tidegate_raft_term",
        "tidegate_session_drain_seconds",
        "tidegate_stage_seconds",
        "tidegate_barrier_seconds",
        "tidegate_streams_ended_total",
        "tidegate_transitions_completed_total",
    ] {
        assert!(seen.contains(name), "{name} is not measured: {rendered}");
    }
    for sampler in samplers {
        sampler.abort();
    }
    stop_all(&nodes).await;
}
