//! Who is let in, and who is not.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rustls::Error;
use tidegate_transport::{PeerId, Transport, TransportError};
use tidegate_transport_tcp::authority::Authority;
use tidegate_transport_tcp::{Identity, IdentityError, NameError, TcpLimits, TcpTransport};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::forgery::Forger;
use crate::network::{A, B, LONG, anywhere, bind, brisk, introduce, stream};
use crate::stranger;

/// Opening is refused at once, not when a deadline ends.
async fn assert_refused(from: &Arc<TcpTransport>, to: PeerId) {
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
        let Err(error) = stranger::knock(&client, address, 1).await else {
            panic!("case {case}: it was let in")
        };
        assert!(
            matches!(stranger::alert(&error), Some(Error::AlertReceived(_))),
            "case {case}: {error:?}"
        );
    }
    // The stranger is no worse than its papers.
    let client = stranger::client(Some(&forger.papers(&[one])));
    assert_eq!(stranger::knock(&client, address, 1).await.unwrap().answer, 0);
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
        let listener = TcpListener::bind(anywhere()).await.unwrap();
        a.set_peer_address(B, listener.local_addr().unwrap()).unwrap();
        let serving = tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            // A TLS 1.3 server is done when the client has spoken; it must not have said a hello.
            if let Ok(mut io) = server.accept(socket).await {
                assert!(io.read_u8().await.is_err(), "the client believed it");
            }
        });
        assert_refused(&a, B).await;
        timeout(LONG, serving).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn another_wire_version_is_refused_by_either_end() {
    let forger = Forger::new();
    let b = bind(forger.identity("tidegate://blue/node/2"), brisk());
    let client = stranger::client(Some(&forger.papers(&["tidegate://blue/node/1"])));
    let knocked = stranger::knock(&client, b.local_addr().unwrap(), 2).await;
    assert_eq!(knocked.unwrap().answer, 1, "refused, by a server of version 1");

    let server = stranger::server(&forger.papers(&["tidegate://blue/node/3"]));
    let listener = TcpListener::bind(anywhere()).await.unwrap();
    let c = PeerId::new(3);
    b.set_peer_address(c, listener.local_addr().unwrap()).unwrap();
    let serving = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut io = server.accept(socket).await.unwrap();
        io.read_exact(&mut [0; 20]).await.unwrap();
        io.write_all(&stranger::hello(9)).await.unwrap();
        io.flush().await.unwrap();
        // It hangs up.
        assert!(io.read_u8().await.is_err());
    });
    assert_refused(&b, c).await;
    timeout(LONG, serving).await.unwrap().unwrap();
}

/// The papers are good, and the protocol is another, or none: rustls itself turns away the first only.
#[tokio::test]
async fn who_speaks_another_protocol_gets_no_welcome() {
    let forger = Forger::new();
    let b = bind(forger.identity("tidegate://blue/node/2"), brisk());
    let papers = forger.papers(&["tidegate://blue/node/3"]);
    for protocols in [&[][..], &[&b"tidegate"[..]]] {
        let client = stranger::client_of(Some(&papers), protocols);
        let knocked = timeout(LONG, stranger::knock(&client, b.local_addr().unwrap(), 1))
            .await
            .unwrap();
        assert!(knocked.is_err(), "{protocols:?}");
    }
    let client = stranger::client(Some(&papers));
    let knocked = stranger::knock(&client, b.local_addr().unwrap(), 1).await;
    assert!(knocked.is_ok(), "the protocol itself");
}

/// What no end of this crate would say: the connection is lost, and the node goes on.
#[tokio::test]
async fn who_breaks_the_protocol_loses_the_connection() {
    let forger = Forger::new();
    let limits = TcpLimits {
        // Or the stranger, which answers no question, would lose its connection anyway.
        idle_timeout: 10 * LONG,
        ..brisk()
    };
    let b = bind(forger.identity("tidegate://blue/node/2"), limits);
    let a = bind(forger.identity("tidegate://blue/node/1"), brisk());
    introduce(&a, &b);
    let client = stranger::client(Some(&forger.papers(&["tidegate://blue/node/3"])));
    let broken: &[&[[u8; 5]]] = &[
        &[[0, 0, 0, 0, 0]],
        &[[11, 0, 0, 0, 0]],
        &[[2, 0, 0, 0, 1]],
        &[[4, 0, 0, 0, 0]],
        &[[6, 0, 0, 0, 0]],
        &[[8, 0, 0, 0, 0]],
        // Twice the end, and a frame after it.
        &[[3, 0, 0, 0, 0], [3, 0, 0, 0, 0]],
        &[[3, 0, 0, 0, 0], [1, 0, 0, 0, 0]],
        // A frame in a frame, an end in a frame, a piece of nothing, and one that is longer than its frame.
        &[[1, 0, 0, 0, 9], [1, 0, 0, 0, 9]],
        &[[1, 0, 0, 0, 9], [3, 0, 0, 0, 0]],
        &[[1, 0, 0, 0, 9], [2, 0, 0, 0, 0]],
        &[[1, 0, 0, 0, 9], [2, 0, 0, 0, 10]],
        // More than the window allows.
        &[[1, 0, 127, 0, 0], [2, 0, 127, 0, 0]],
        // That all is over while it is not.
        &[[1, 0, 0, 0, 9], [8, 0, 0, 0, 0]],
        // A window beyond all numbers.
        &[[1, 0, 0, 0, 9], [7, 255, 255, 255, 255]],
    ];
    for (case, messages) in broken.iter().enumerate() {
        let mut io = stranger::knock(&client, b.local_addr().unwrap(), 1)
            .await
            .unwrap()
            .io;
        io.write_all(&messages.concat()).await.unwrap();
        io.flush().await.unwrap();
        let mut rest = Vec::new();
        let read = timeout(LONG, io.read_to_end(&mut rest)).await;
        assert!(read.is_ok(), "case {case}: the connection stays");
    }
    // Streams that began properly were accepted, and are lost; whoever keeps to the protocol is served.
    let mut near = a.open(B).await.unwrap();
    near.send.send(&[Bytes::from_static(b"properly")]).await.unwrap();
    loop {
        let mut incoming = timeout(LONG, b.accept()).await.unwrap().unwrap();
        let first = timeout(LONG, incoming.stream.recv.recv()).await.unwrap();
        if incoming.peer == A {
            assert_eq!(first.unwrap().unwrap(), b"properly"[..]);
            return;
        }
    }
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
    // Connections that there are stay; the next one is judged by the new certificates.
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
