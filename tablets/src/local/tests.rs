//! What is the local log's own: paces, restarts, bounds.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use super::*;
use crate::{Change, Changes, MetadataStore, RequestId, TabletId, Touched};

fn v(number: u64) -> Version {
    Version::new(number)
}

fn adding(request: u128, nodes: std::ops::Range<u64>) -> Proposal {
    let changes = nodes
        .map(|node| Change::AddNode {
            node: NodeId::new(node),
        })
        .collect();
    Proposal {
        request: RequestId(request),
        changes,
    }
}

fn table(request: u128, tablets: usize) -> Proposal {
    let replicas = vec![[NodeId::new(1)].into(); tablets];
    Proposal {
        request: RequestId(request),
        changes: vec![Change::CreateTable {
            name: format!("t{request}"),
            replicas,
        }],
    }
}

fn poll<T>(future: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

async fn touched(changes: &mut Box<dyn Changes>) -> (Version, Touched) {
    let update = changes.next().await.expect("running");
    (update.metadata.version, update.touched)
}

#[tokio::test]
async fn a_paused_node_stays_where_it_is_and_others_go_on() {
    let log = LocalLog::new(LocalConfig::default());
    let (a, b) = (log.store(NodeId::new(1)), log.store(NodeId::new(2)));
    b.pause();
    a.propose(adding(1, 1..3)).await.expect("decided");
    assert_eq!((a.snapshot().version, b.snapshot().version), (v(1), v(0)));
    let mut barrier = pin!(b.read_barrier());
    let mut own = pin!(b.propose(adding(2, 3..4)));
    assert!(poll(barrier.as_mut()).is_pending());
    assert!(poll(own.as_mut()).is_pending(), "decided, and not applied here");
    assert_eq!(a.snapshot().version, v(2));

    assert!(b.apply_until(v(1)));
    assert_eq!(poll(barrier.as_mut()), Poll::Ready(Ok(v(1))));
    assert!(poll(own.as_mut()).is_pending());
    b.resume();
    assert!(poll(own.as_mut()).is_ready());
    assert_eq!(*b.snapshot(), *a.snapshot());
}

#[tokio::test]
async fn a_node_starts_again_at_an_older_version() {
    let log = LocalLog::new(LocalConfig::default());
    let a = log.store(NodeId::new(1));
    for request in 1..=3 {
        a.propose(adding(request, request as u64..request as u64 + 1))
            .await
            .expect("decided");
    }
    assert!(log.store_at(NodeId::new(2), v(4)).is_none(), "not there yet");
    let b = log.store_at(NodeId::new(2), v(1)).expect("kept");
    assert!(b.is_paused());
    assert_eq!(b.snapshot().nodes.size(), 1);
    let mut changes = b.changes();
    assert_eq!(touched(&mut changes).await, (v(1), Touched::All));
    b.resume();
    assert_eq!(b.read_barrier().await, Ok(v(3)));
    assert_eq!(touched(&mut changes).await, (v(3), Touched::Tablets([].into())));
}

#[tokio::test]
async fn a_node_too_far_behind_gets_everything_touched() {
    let log = LocalLog::new(LocalConfig {
        history_max: 2,
        ..LocalConfig::default()
    });
    let a = log.store(NodeId::new(1));
    let mut changes = a.changes();
    assert_eq!(touched(&mut changes).await, (v(0), Touched::All));
    a.propose(adding(1, 1..2)).await.expect("decided");
    a.propose(table(2, 1)).await.expect("decided");
    assert_eq!(
        touched(&mut changes).await,
        (v(2), Touched::All),
        "version 0 is not kept any more"
    );
    assert!(log.store_at(NodeId::new(2), v(0)).is_none());
    a.propose(table(3, 1)).await.expect("decided");
    assert_eq!(
        touched(&mut changes).await,
        (v(3), Touched::Tablets([TabletId::new(1)].into()))
    );
}

#[tokio::test]
async fn an_update_lists_only_so_many_tablets() {
    let log = LocalLog::new(LocalConfig {
        touched_max: 3,
        ..LocalConfig::default()
    });
    let a = log.store(NodeId::new(1));
    a.propose(adding(1, 1..2)).await.expect("decided");
    let mut changes = a.changes();
    touched(&mut changes).await;
    a.propose(table(2, 2)).await.expect("decided");
    a.propose(table(3, 1)).await.expect("decided");
    let three = [0, 1, 2].map(TabletId::new).into();
    assert_eq!(
        touched(&mut changes).await,
        (v(3), Touched::Tablets(three)),
        "two updates in one"
    );
    a.propose(table(4, 4)).await.expect("decided");
    assert_eq!(touched(&mut changes).await, (v(4), Touched::All));
}

#[tokio::test]
async fn answers_are_remembered_up_to_a_bound() {
    let log = LocalLog::new(LocalConfig {
        answers_max: 2,
        ..LocalConfig::default()
    });
    let a = log.store(NodeId::new(1));
    let first = a.propose(adding(1, 1..2)).await.expect("decided");
    assert!(first[0].is_ok());
    a.propose(adding(2, 2..3)).await.expect("decided");
    assert_eq!(a.propose(adding(1, 1..2)).await, Ok(first), "the same answer");
    assert_eq!(a.snapshot().version, v(2), "and no new version");
    a.propose(adding(3, 3..4)).await.expect("decided");
    assert_eq!(
        log.lock().state.answers().map(|(id, _)| id.0).collect::<Vec<_>>(),
        [2, 3]
    );
    let again = a.propose(adding(1, 1..2)).await.expect("decided anew");
    assert!(again[0].is_err(), "forgotten, and harmless");
}

#[tokio::test]
async fn a_stopped_handle_stops_alone_and_a_stopped_log_stops_all() {
    let log = LocalLog::new(LocalConfig::default());
    let (a, b) = (log.store(NodeId::new(1)), log.store(NodeId::new(2)));
    a.stop();
    assert_eq!(a.propose(adding(1, 1..2)).await, Err(StoreStopped.into()));
    b.propose(adding(2, 1..2)).await.expect("decided");
    assert_eq!(a.snapshot().version, v(0), "a stopped node applies nothing");
    log.stop();
    assert_eq!(b.read_barrier().await, Err(StoreStopped));
    assert_eq!(log.store(NodeId::new(3)).read_barrier().await, Err(StoreStopped));
}

#[tokio::test]
async fn a_dropped_handle_is_a_stopped_one() {
    let log = LocalLog::new(LocalConfig::default());
    let mut changes = log.store(NodeId::new(1)).changes();
    assert!(changes.next().await.is_err());
    let _other = log.store(NodeId::new(2));
    assert_eq!(log.lock().stores.len(), 1, "and is not listed any more");
}

#[test]
fn a_log_goes_on_from_some_metadata() {
    let first = {
        let log = LocalLog::new(LocalConfig::default());
        let proposal = Proposal {
            request: RequestId(1),
            changes: [adding(0, 1..3).changes, table(0, 2).changes].concat(),
        };
        log.decide(&proposal).expect("decided");
        log.newest()
    };
    let log = LocalLog::starting_from(LocalConfig::default(), Metadata::clone(&first));
    assert_eq!(*log.newest(), *first);
    assert_eq!(log.newest().tablets_of(NodeId::new(1)).count(), 2);
}
