//! What is refused changes nothing, and says what it was.

use serde_json::{Value, json};

use super::rig::{Cluster, DEADLINE, tidegate, until};

#[test]
fn moves_that_make_no_sense_change_nothing() {
    let cluster = Cluster::started(4, 2);
    let tablet = cluster.first_tablet();
    let (source, pending) = cluster.source_and_target(tablet);
    let replicas = cluster.replicas(tablet);
    let holder = *replicas.last().expect("a replica");
    let before = (cluster.tablets(), version(&cluster));
    for (tablet, from, to, status, kind) in [
        (tablet, source, holder, 409, "/problems/already-replica"),
        (999, source, pending, 404, "/problems/unknown-tablet"),
        (tablet, source, 99, 404, "/problems/unknown-node"),
        (tablet, pending, pending, 409, "/problems/not-replica"),
    ] {
        let path = format!("/v1/tablets/{tablet}/move");
        for dry_run in [true, false] {
            let asked = json!({ "from": from, "to": to, "dry_run": dry_run });
            for member in cluster.running() {
                let answer = member.http().ask("POST", &path, Some(&asked)).expect("an answer");
                assert_eq!(
                    (answer.status, answer.kind()),
                    (status, kind),
                    "{asked}: {answer:?}"
                );
            }
        }
        let admin = cluster.any(&[]).admin();
        let told = tidegate(&[
            "move",
            &tablet.to_string(),
            "--from",
            &from.to_string(),
            "--to",
            &to.to_string(),
            "--admin",
            &admin,
        ]);
        assert_eq!(told.code, Some(1), "{told:?}");
        assert!(told.stderr.starts_with("error: "), "{told:?}");
    }
    let after = (cluster.tablets(), version(&cluster));
    assert_eq!(after, before, "nothing has changed");
    cluster.moved(tablet);
}

/// The version of the metadata that every node has.
fn version(cluster: &Cluster) -> Value {
    until("one version", DEADLINE, || {
        let versions = cluster.running().map(|member| {
            let status = member.http().get("/v1/status").ok()?;
            Some(status.json["version"].clone())
        });
        let versions: Option<Vec<Value>> = versions.collect();
        let versions = versions?;
        let first = versions.first()?;
        versions
            .iter()
            .all(|version| version == first)
            .then(|| first.clone())
    })
}
