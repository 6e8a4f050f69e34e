//! What only a memory engine does.

use tidegate_guard::Unfenced;

use super::*;

fn row(key: &'static str, time: u64, value: Option<&'static str>) -> Row {
    Row {
        key: key.into(),
        timestamp: Timestamp {
            time,
            ..Timestamp::default()
        },
        value: value.map(Bytes::from),
    }
}

fn unfenced() -> SharedGuard {
    Arc::new(Unfenced)
}

const TABLET: TabletId = TabletId::new(1);

#[tokio::test]
async fn a_write_over_the_quota_does_nothing() {
    let engine = MemoryEngine::with_quota(10);
    engine
        .write(TABLET, unfenced(), vec![row("a", 1, Some("12345"))])
        .await
        .unwrap();
    let error = engine
        .write(
            TABLET,
            unfenced(),
            vec![row("b", 1, None), row("c", 1, Some("1234"))],
        )
        .await;
    assert!(matches!(error, Err(EngineError::DiskFull)));
    assert_eq!(
        engine.read(TABLET, vec!["b".into(), "c".into()]).await.unwrap(),
        [None, None]
    );
    assert_eq!(engine.bytes(), 6);
}

#[tokio::test]
async fn what_makes_room_is_never_refused() {
    let engine = MemoryEngine::with_quota(6);
    engine
        .write(TABLET, unfenced(), vec![row("a", 1, Some("12345"))])
        .await
        .unwrap();
    engine
        .write(TABLET, unfenced(), vec![row("a", 2, None)])
        .await
        .unwrap();
    assert_eq!(engine.bytes(), 1);
    assert_eq!(engine.purge(TABLET, unfenced(), 2).await.unwrap(), 1);
    assert_eq!(engine.bytes(), 0);
    assert!(engine.tablets().await.unwrap().is_empty());
}

#[tokio::test]
async fn staged_bytes_count_once_before_and_after_the_attach() {
    let engine = MemoryEngine::with_quota(8);
    let session = TABLET.session_at(tidegate_tablets::Epoch::new(3));
    let staging = engine
        .staging(unit_of(TABLET), session, unfenced())
        .await
        .unwrap();
    let batch = |rows: &[Row], last: &'static str| tidegate_streaming::Batch {
        payload: crate::encode_rows(rows).unwrap(),
        rows: u32::try_from(rows.len()).unwrap(),
        last: Position(last.into()),
    };
    let source = tidegate_transport::PeerId::new(2);
    staging
        .stage(unfenced(), source, batch(&[row("a", 1, Some("12345"))], "a"))
        .await
        .unwrap();
    let over = staging
        .stage(unfenced(), source, batch(&[row("b", 1, Some("12"))], "b"))
        .await;
    assert!(matches!(over, Err(EngineError::DiskFull)));
    assert_eq!(
        staging.position(source).await.unwrap(),
        Some(Position("a".into()))
    );
    staging.attach(unfenced()).await.unwrap();
    assert_eq!(engine.bytes(), 6);
    engine.remove(TABLET, unfenced()).await.unwrap();
    assert_eq!(engine.bytes(), 0);
    assert!(matches!(staging.attached().await, Err(EngineError::Gone)));
}
