//! What is refused changes nothing, and says what it was.

use serde_json::json;

use super::rig::{Cluster, tidegate};

#[test]
fn moves_that_make_no_sense_change_nothing() {
    let cluster = Cluster::started(4, 2);
    let tablet = cluster.first_tablet();
    let (source, pending) = cluster.source_and_target(tablet);
    let replicas = cluster.replicas(tablet);
    let holder = *replicas.last().expect("a replica");
    let before = cluster.tablets();
    for (tablet, from, to, status, kind) in [
        (tablet, source, holder, 409, "/problems/already-replica"),
        (999, source, pending, 404, "/problems/unknown-tablet"),
        (tablet, source, 99, 422, "/problems/unknown-node"),
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
    assert_eq!(cluster.tablets(), before, "nothing has changed");
    cluster.moved(tablet);
}
