//! Gets, puts and deletes while no transition runs.

use std::time::Duration;

use bytes::Bytes;
use tidegate_kv::{KvConfig, ReadError, Write, WriteError};
use tidegate_tablets::{Change, TableId};

use crate::cluster::{Cluster, node, row};

#[tokio::test(start_paused = true)]
async fn what_is_put_is_got_from_any_node_until_it_is_deleted() {
    let cluster = Cluster::start(4).await;
    let first = cluster
        .client(4)
        .put(cluster.table, "k".into(), "v".into())
        .await
        .unwrap();
    for id in 1..=4 {
        assert_eq!(
            cluster.client(id).get(cluster.table, "k".into()).await,
            Ok(Some("v".into()))
        );
    }
    let second = cluster.client(1).delete(cluster.table, "k".into()).await.unwrap();
    assert!(second > first);
    assert_eq!(cluster.client(4).get(cluster.table, "k".into()).await, Ok(None));
    assert_eq!(cluster.held(2, "k").await.unwrap().timestamp, second);
}

#[tokio::test(start_paused = true)]
async fn a_write_is_later_than_what_a_quorum_shows_though_the_clock_is_not() {
    let cluster = Cluster::start(3).await;
    let ahead = 1 << 40;
    cluster.plant(2, vec![row("k", ahead, Some("old"))]).await;
    cluster.plant(3, vec![row("k", ahead, Some("old"))]).await;
    let written = cluster
        .client(1)
        .put(cluster.table, "k".into(), "new".into())
        .await
        .unwrap();
    assert!(written.time > ahead);
    assert_eq!(
        cluster.client(2).get(cluster.table, "k".into()).await,
        Ok(Some("new".into()))
    );
}

#[tokio::test(start_paused = true)]
async fn one_replica_that_is_away_is_not_missed_and_two_are() {
    let cluster = Cluster::start(3).await;
    cluster.isolate(3);
    cluster
        .client(1)
        .put(cluster.table, "k".into(), "v".into())
        .await
        .unwrap();
    assert_eq!(
        cluster.client(2).get(cluster.table, "k".into()).await,
        Ok(Some("v".into()))
    );
    cluster.isolate(2);
    let read = cluster.client(1).get(cluster.table, "k".into()).await;
    assert!(matches!(read, Err(ReadError::NoQuorum { .. })), "{read:?}");
    let write = cluster.client(1).put(cluster.table, "k".into(), "w".into()).await;
    assert!(matches!(write, Err(WriteError::NoQuorum { .. })), "{write:?}");
    assert!(write.unwrap_err().is_refused());
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_sent_and_not_acknowledged_is_unknown() {
    let cluster = Cluster::start(3).await;
    for id in [2, 3] {
        cluster.node(id).engine.hold();
    }
    let write = cluster.client(1).put(cluster.table, "k".into(), "v".into()).await;
    assert!(
        matches!(write, Err(WriteError::OutcomeUnknown { .. })),
        "{write:?}"
    );
    for id in [2, 3] {
        cluster.node(id).engine.release();
    }
    // A read decides it: once it has returned the value, every later one does.
    assert_eq!(
        cluster.client(2).get(cluster.table, "k".into()).await,
        Ok(Some("v".into()))
    );
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_is_merely_late_gets_the_row_too() {
    let cluster = Cluster::start(3).await;
    cluster.node(3).engine.hold();
    cluster
        .client(1)
        .put(cluster.table, "k".into(), "v".into())
        .await
        .unwrap();
    assert_eq!(cluster.held(3, "k").await, None);
    cluster.node(3).engine.writes_held(1).await;
    cluster.node(3).engine.release();
    while cluster.held(3, "k").await.is_none() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_writes_back_what_no_quorum_holds() {
    let cluster = Cluster::start(3).await;
    // A writer died after its first replica: with 2 isolated the read sees it, and nobody else may unsee it.
    cluster.plant(1, vec![row("k", 5, Some("v"))]).await;
    cluster.isolate(2);
    assert_eq!(
        cluster.client(1).get(cluster.table, "k".into()).await,
        Ok(Some("v".into()))
    );
    assert_eq!(cluster.value(3, "k").await, Some("v".into()));
    cluster.heal(2);
    cluster.isolate(1);
    assert_eq!(
        cluster.client(2).get(cluster.table, "k".into()).await,
        Ok(Some("v".into()))
    );
}

#[tokio::test(start_paused = true)]
async fn a_read_that_cannot_write_back_does_not_return_the_value() {
    let cluster = Cluster::start(3).await;
    cluster.plant(1, vec![row("k", 5, Some("v"))]).await;
    cluster.isolate(2);
    cluster.node(3).engine.hold();
    let read = cluster.client(1).get(cluster.table, "k".into()).await;
    assert!(matches!(read, Err(ReadError::NoQuorum { .. })), "{read:?}");
}

#[tokio::test(start_paused = true)]
async fn excluded_replicas_are_not_asked_and_count_in_the_size() {
    let cluster = Cluster::start(3).await;
    cluster.change(Change::Exclude {
        node: node(3),
        give_up_quorum: false,
    });
    cluster.publish_all();
    cluster
        .client(1)
        .put(cluster.table, "k".into(), "v".into())
        .await
        .unwrap();
    assert_eq!(cluster.held(3, "k").await, None);
    cluster.isolate(2);
    let read = cluster.client(1).get(cluster.table, "k".into()).await;
    assert!(matches!(read, Err(ReadError::NoQuorum { .. })), "{read:?}");
    let served = cluster.client(3).get(cluster.table, "k".into()).await;
    assert!(served.is_err(), "an excluded node is served nothing: {served:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_refused_at_once() {
    let cluster = Cluster::start(3).await;
    let begun = tokio::time::Instant::now();
    let nowhere = TableId::new(77);
    let client = cluster.client(1);
    assert_eq!(
        client.get(nowhere, "k".into()).await,
        Err(ReadError::NoTable(nowhere))
    );
    assert_eq!(
        client.put(nowhere, "k".into(), "v".into()).await,
        Err(WriteError::NoTable(nowhere))
    );
    let long = Bytes::from(vec![0; 1 << 20]);
    let refused = client.put(cluster.table, "k".into(), long).await.unwrap_err();
    assert!(
        matches!(refused, WriteError::TooLong { max: 983_040, .. }),
        "{refused:?}"
    );
    for key in [Bytes::new(), Bytes::from(vec![1; 4097])] {
        let refused = client.put(cluster.table, key.clone(), "v".into()).await;
        assert_eq!(
            refused,
            Err(WriteError::KeyLength {
                len: key.len(),
                max: 4096
            })
        );
        assert_eq!(client.get(cluster.table, key.clone()).await, Ok(None));
        assert_eq!(client.get(nowhere, key).await, Err(ReadError::NoTable(nowhere)));
    }
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn batches_span_tablets_and_messages() {
    let config = KvConfig {
        batch_bytes_max: 4000,
        engine_keys_max: 7,
        ..KvConfig::default()
    };
    let cluster = Cluster::start_with(4, 8, config).await;
    let key = |i: usize| Bytes::from(format!("key {i}"));
    let value = |i: usize| Bytes::from(vec![i as u8; 100 + i * 7]);
    let writes = (0..300)
        .map(|i| Write {
            key: key(i),
            value: (i % 5 > 0).then(|| value(i)),
        })
        .collect();
    let written = cluster.client(4).write_many(cluster.table, writes).await;
    assert!(written.iter().all(Result::is_ok));
    let keys = (0..301).map(key).collect();
    let read = cluster.client(2).read_many(cluster.table, keys).await;
    for (i, read) in read.into_iter().enumerate() {
        assert_eq!(read, Ok((i % 5 > 0 && i < 300).then(|| value(i))));
    }
}

#[tokio::test(start_paused = true)]
async fn limits_of_nothing_let_one_key_through_at_a_time() {
    let config = KvConfig {
        batch_keys_max: 0,
        engine_keys_max: 0,
        ..KvConfig::default()
    };
    let cluster = Cluster::start_with(3, 1, config).await;
    let (client, table) = (cluster.client(1), cluster.table);
    client.put(table, "k".into(), "v".into()).await.unwrap();
    let read = client.read_many(table, vec!["k".into(), "x".into()]).await;
    assert_eq!(read, [Ok(Some("v".into())), Ok(None)]);
}

#[tokio::test(start_paused = true)]
async fn of_one_key_twice_in_a_batch_the_last_stays() {
    let cluster = Cluster::start(3).await;
    let writes = ["a", "b", "c"].map(|value| Write {
        key: "k".into(),
        value: Some(value.into()),
    });
    let written = cluster.client(1).write_many(cluster.table, writes.to_vec()).await;
    assert!(written.iter().all(Result::is_ok));
    let read = cluster
        .client(2)
        .read_many(cluster.table, vec!["k".into(), "x".into(), "k".into()])
        .await;
    assert_eq!(read, [Ok(Some("c".into())), Ok(None), Ok(Some("c".into()))]);
}
