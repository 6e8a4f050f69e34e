//! Who is let in, and who is not.

use std::sync::Arc;
use std::time::Instant;

use quinn::ConnectionError;
use tidegate_transport::{PeerId, Transport, TransportError};
use tidegate_transport_quic::authority::Authority;
use tidegate_transport_quic::{Identity, IdentityError, NameError, QuicTransport};
use tokio::time::timeout;

use crate::forgery::Forger;
use crate::network::{A, B, LONG, bind, brisk, introduce, stream};
use crate::stranger;

/// Opening is refused at once, not when a deadline ends.
async fn assert_refused(from: &Arc<QuicTransport>, to: PeerId) {
    let begun = Instant::now();
    let error = timeout(LONG, from.open(to)).await.unwrap().unwrap_err();
    assert!(
        matches!(error, TransportError::Refused { peer, .. } if peer == to),
        "{error:?}"
    );
    assert!(
        begun.elapsed() < brisk().connect_deadline / 2,
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn another_authority_is_refused_at_both_ends() {
    let a = bind(Authority::new("blue").unwrap().issue(A).unwrap(), brisk());
    let b = bind(Authority::new("blue").unwrap().issue(B).unwrap(), brisk());
    introduce(&a, &b);
    assert_refused(&a, B).await;
    assert_refused(&b, A).await;
}

#[tokio::test]
async fn another_node_at_the_address_is_refused() {
    let authority = Authority::new("blue").unwrap();
    let a = bind(authority.issue(A).unwrap(), brisk());
    let b = bind(authority.issue(B).unwrap(), brisk());
    let c = PeerId::new(3);
    a.set_peer_address(c, b.local_addr().unwrap()).unwrap();
    assert_refused(&a, c).await;
    // Its own name at the address is no better.
    a.set_peer_address(B, b.local_addr().unwrap()).unwrap();
    stream(&a, &b).await;
}

#[tokio::test]
async fn another_node_of_the_same_name_is_refused() {
    let authority = Authority::new("blue").unwrap();
    let a = bind(authority.issue(A).unwrap(), brisk());
    let twin = bind(authority.issue(A).unwrap(), brisk());
    let b = bind(authority.issue(B).unwrap(), brisk());
    twin.set_peer_address(B, a.local_addr().unwrap()).unwrap();
    assert_refused(&twin, B).await;
    introduce(&a, &b);
    stream(&a, &b).await;
}

#[tokio::test]
async fn another_cluster_is_refused_though_the_authority_is_the_same() {
    let forger = Forger::new();
    let a = bind(forger.identity("tidegate://blue/node/1"), brisk());
    let b = bind(forger.identity("tidegate://green/node/2"), brisk());
    introduce(&a, &b);
    assert_refused(&a, B).await;
    assert_refused(&b, A).await;
}

/// A TLS 1.3 client believes itself connected before the server has looked at its certificate.
#[tokio::test]
async fn a_server_that_refuses_this_ends_certificate_is_heard() {
    let (ours, theirs) = (Forger::new(), Forger::new());
    let papers = ours.papers(&["tidegate://blue/node/1"]);
    let believes_both = Identity::from_der(
        vec![papers.certificate],
        papers.key,
        vec![ours.root(), theirs.root()],
    )
    .unwrap();
    let a = bind(believes_both, brisk());
    let b = bind(theirs.identity("tidegate://blue/node/2"), brisk());
    introduce(&a, &b);
    assert_refused(&a, B).await;
}

#[tokio::test]
async fn a_client_needs_a_certificate_that_names_one_node_of_the_cluster() {
    let forger = Forger::new();
    let b = bind(forger.identity("tidegate://blue/node/2"), brisk());
    let address = b.local_addr().unwrap();
    let one = "tidegate://blue/node/1";
    let refused = [
        None,
        Some(forger.papers(&[])),
        Some(forger.papers(&[one, "tidegate://blue/node/3"])),
        Some(forger.papers(&[one, "https://tidegate.invalid"])),
        Some(forger.papers(&["https://tidegate.invalid"])),
        Some(forger.papers(&["tidegate://green/node/1"])),
        // Its own name.
        Some(forger.papers(&["tidegate://blue/node/2"])),
        Some(Forger::new().papers(&[one])),
    ];
    for (case, papers) in refused.iter().enumerate() {
        let client = stranger::client(papers.as_ref());
        let error = stranger::knock(&client, address, 1).await.unwrap_err();
        assert!(
            matches!(error, ConnectionError::ConnectionClosed(_)),
            "case {case}: {error:?}"
        );
    }
    // The stranger is no worse than its papers.
    let client = stranger::client(Some(&forger.papers(&[one])));
    stranger::knock(&client, address, 1).await.unwrap();
}

#[tokio::test]
async fn a_server_needs_a_certificate_that_names_the_one_expected_node() {
    let forger = Forger::new();
    let a = bind(forger.identity("tidegate://blue/node/1"), brisk());
    let two = "tidegate://blue/node/2";
    let refused = [
        forger.papers(&[]),
        forger.papers(&[two, two]),
        forger.papers(&[two, "tidegate://blue/node/3"]),
        forger.papers(&["tidegate://green/node/2"]),
        forger.papers(&["tidegate://blue/node/3"]),
        Forger::new().papers(&[two]),
    ];
    for papers in &refused {
        let server = stranger::server(papers);
        a.set_peer_address(B, server.local_addr().unwrap()).unwrap();
        let serving = tokio::spawn(async move {
            while let Some(incoming) = server.accept().await {
                assert!(incoming.await.is_err(), "the client believed it");
            }
        });
        assert_refused(&a, B).await;
        serving.abort();
    }
}

#[tokio::test]
async fn another_wire_version_is_refused_by_either_end() {
    let forger = Forger::new();
    let b = bind(forger.identity("tidegate://blue/node/2"), brisk());
    let client = stranger::client(Some(&forger.papers(&["tidegate://blue/node/1"])));
    let error = stranger::knock(&client, b.local_addr().unwrap(), 2)
        .await
        .unwrap_err();
    let ConnectionError::ApplicationClosed(close) = error else {
        panic!("{error:?}")
    };
    assert!(
        String::from_utf8_lossy(&close.reason).contains("wire version"),
        "{close}"
    );

    let server = stranger::server(&forger.papers(&["tidegate://blue/node/3"]));
    let c = PeerId::new(3);
    b.set_peer_address(c, server.local_addr().unwrap()).unwrap();
    let serving = tokio::spawn(async move {
        let connection = server.accept().await.unwrap().await.unwrap();
        let (mut send, mut recv) = connection.accept_bi().await.unwrap();
        recv.read_to_end(100).await.unwrap();
        send.write_all(&stranger::hello(9)).await.unwrap();
        send.finish().unwrap();
        connection.closed().await
    });
    assert_refused(&b, c).await;
    serving.await.unwrap();
}

#[tokio::test]
async fn what_is_accepted_comes_from_who_the_certificate_names() {
    let authority = Authority::new("blue").unwrap();
    let b = bind(authority.issue(B).unwrap(), brisk());
    for id in [5, 6, 7] {
        let a = bind(authority.issue(PeerId::new(id)).unwrap(), brisk());
        introduce(&a, &b);
        let (near, far) = stream(&a, &b).await;
        drop((near, far));
        a.shutdown().await;
    }
}

#[tokio::test]
async fn certificates_are_replaced_without_a_restart() {
    let (old, new) = (Forger::new(), Forger::new());
    let a = bind(old.identity("tidegate://blue/node/1"), brisk());
    let b = bind(old.identity("tidegate://blue/node/2"), brisk());
    introduce(&a, &b);
    stream(&a, &b).await;
    a.replace_identity(&new.identity("tidegate://blue/node/1"))
        .unwrap();
    // The connection that there is stays; the next one is judged by the new certificates.
    stream(&a, &b).await;
    a.disconnect(B);
    assert_refused(&a, B).await;
    b.replace_identity(&new.identity("tidegate://blue/node/2"))
        .unwrap();
    stream(&a, &b).await;
    let other = a.replace_identity(&new.identity("tidegate://blue/node/3"));
    assert!(matches!(other, Err(IdentityError::OtherNode)));
}

#[test]
fn an_identity_names_one_node() {
    let forger = Forger::new();
    for (uris, count) in [
        (vec![], 0),
        (vec!["tidegate://blue/node/1", "tidegate://blue/node/2"], 2),
    ] {
        let papers = forger.papers(&uris);
        let error =
            Identity::from_der(vec![papers.certificate], papers.key, vec![forger.root()]).unwrap_err();
        assert!(
            matches!(error, IdentityError::Name(NameError::NotOne { count: n }) if n == count),
            "{error}"
        );
    }
}
