//! Certificates that are replaced while tablets move, and those that let nobody in.

use std::fs;

use serde_json::json;

use super::rig::{Cluster, DEADLINE, Writer, done, text, tidegate, until};

#[test]
fn certificates_and_their_authority_are_replaced_while_tablets_move() {
    let cluster = Cluster::started(4, 1);
    let writer = Writer::start(&cluster, "rotated");
    let certs = cluster.certs();
    let ca = certs.join("ca.pem");
    let old = fs::read_to_string(&ca).expect("reads");
    let issue = || {
        for member in &cluster.members {
            let number = member.number.to_string();
            done(&[
                "certs",
                "issue",
                "--force",
                "--node",
                &number,
                "--dir",
                text(&certs),
            ]);
        }
    };
    while_moving(&cluster, issue);
    while_moving(&cluster, || {
        done(&["certs", "init", "--rotate", "--dir", text(&certs)]);
    });
    while_moving(&cluster, issue);
    while_moving(&cluster, || {
        let both = fs::read_to_string(&ca).expect("reads");
        let new = both.replace(&old, "");
        assert!(new.len() < both.len() && new.contains("BEGIN CERTIFICATE"));
        fs::write(&ca, new).expect("writes");
    });
    writer.check(&cluster);
}

/// Has every node read what was replaced, and connect anew with it, in the middle of a move that then succeeds.
fn while_moving(cluster: &Cluster, replace: impl Fn()) {
    let tablet = cluster.first_tablet();
    let (source, pending) = cluster.source_and_target(tablet);
    let hold = cluster.hold("write_both_read_old");
    cluster.begin(tablet, source, pending);
    cluster.until_stage(tablet, "write_both_read_old");
    let read = || -> Vec<usize> {
        let logs = cluster.members.iter().map(|member| member.log_text());
        logs.map(|log| log.matches("the certificates were read again").count())
            .collect()
    };
    let before = read();
    replace();
    cluster.members.iter().for_each(|member| member.signal("HUP"));
    until("the certificates to be read", DEADLINE, || {
        let now = read();
        before
            .iter()
            .zip(&now)
            .all(|(before, now)| now > before)
            .then_some(())
    });
    for member in &cluster.members {
        for peer in cluster.members.iter().filter(|peer| peer.number != member.number) {
            let path = format!("/v1/nodes/{}/disconnect", peer.number);
            let answer = member.http().ask("POST", &path, Some(&json!({})));
            let answer = answer.expect("an answer");
            assert!(answer.is_good(), "{answer:?}");
        }
    }
    cluster.release(&hold);
    let replicas = cluster.until_ended(tablet);
    assert!(
        replicas.contains(&pending) && !replicas.contains(&source),
        "{replicas:?}"
    );
}

#[test]
fn who_cannot_prove_to_be_that_node_does_not_come_in() {
    let mut cluster = Cluster::started(3, 1);
    let others = cluster.root().join("others");
    done(&["certs", "init", "--cluster", "blue", "--dir", text(&others)]);
    let stranger = cluster.prepare();
    let config = cluster.member(stranger).config();
    cluster.configure(cluster.member(stranger), "");
    let good = fs::read_to_string(&config).expect("reads");
    let via = cluster.any(&[]).admin();

    // Without a certificate, or with that of another node, it does not even start.
    for (name, says) in [("nobody", "cannot be read"), ("node-1", "is that of node 1")] {
        fs::write(
            &config,
            good.replace(&format!("node-{stranger}."), &format!("{name}.")),
        )
        .expect("writes");
        let started = tidegate(&["serve", "--config", text(&config)]);
        assert_eq!(started.code, Some(1), "{started:?}");
        assert!(started.stderr.contains(says), "{started:?}");
    }

    // An authority of the same name is another one.
    let number = stranger.to_string();
    done(&["certs", "issue", "--node", &number, "--dir", text(&others)]);
    fs::write(&config, good.replace("'certs/", "'others/")).expect("writes");
    cluster.member_mut(stranger).start();
    cluster.member(stranger).until_answers();
    let joined = tidegate(&["join", "--config", text(&config), "--via", &via]);
    assert_eq!(joined.code, Some(1), "{joined:?}");

    // It proves to be this node, and is not the one that is asked for.
    cluster.member_mut(stranger).kill();
    fs::remove_dir_all(cluster.member(stranger).data()).expect("removes");
    fs::write(&config, &good).expect("writes");
    cluster.member_mut(stranger).start();
    cluster.member(stranger).until_answers();
    let transport = format!("127.0.0.1:{}", cluster.member(stranger).transport);
    let other = format!("77={transport},{}", cluster.member(stranger).admin());
    let joined = tidegate(&["join", "--node", &other, "--via", &via]);
    assert_eq!(joined.code, Some(1), "{joined:?}");
    let nodes = cluster
        .any(&[stranger])
        .http()
        .get("/v1/nodes")
        .expect("an answer");
    assert_eq!(nodes.json["nodes"].as_array().map(Vec::len), Some(3), "{nodes:?}");

    done(&["join", "--config", text(&config), "--via", &via]);
}
