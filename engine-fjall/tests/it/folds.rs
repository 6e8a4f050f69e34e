//! Folds beside those who read.

use bytes::Bytes;
use tidegate_engine_fjall::{FjallConfig, FjallEngine};
use tidegate_kv::{Row, RowStore};
use tidegate_streaming::{SourceEngine, TargetEngine};

use crate::rig::{SOURCE, TABLET, UNIT, batch, fresh, in_tables, row, session, still, unfenced};

/// Few files are open at a time, and no block stays: what a scan has not come to yet, it has to open.
fn forgetful() -> FjallConfig {
    FjallConfig {
        cache_bytes: 0,
        open_files_max: 16,
        table_bytes_max: 16 << 10,
        ..in_tables(still())
    }
}

fn large(count: usize, len: usize, time: u64) -> Vec<Row> {
    let value = Bytes::from(vec![7; len]);
    let row = |key| Row {
        value: Some(value.clone()),
        ..row(&format!("{key:04}"), time, "")
    };
    (0..count).map(row).collect()
}

async fn attach(engine: &FjallEngine, number: u128, rows: &[Row]) {
    let staging = engine
        .staging(UNIT, session(number), unfenced())
        .await
        .expect("an area");
    for rows in rows.chunks(10) {
        staging.stage(unfenced(), SOURCE, batch(rows)).await.unwrap();
    }
    staging.attach(unfenced()).await.unwrap();
}

/// Folds while a scan is under way, and answers how many rows that has found.
async fn scanned_over_a_fold(engine: &FjallEngine) -> u32 {
    let mut scan = engine.snapshot(UNIT, unfenced(), None).await.unwrap();
    let mut seen = scan.next(10_000).await.unwrap().unwrap().rows;
    engine.fold(TABLET).await.unwrap();
    while let Some(batch) = scan.next(10_000).await.unwrap() {
        seen += batch.rows;
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_survives_a_fold_that_deletes_the_layer() {
    let (_directory, engine) = fresh(forgetful()).await;
    let rows = large(800, 2048, 5);
    for time in 6..9 {
        let own = large(800, 2048, time);
        engine.write(TABLET, unfenced(), own).await.unwrap();
    }
    attach(&engine, 1, &rows).await;
    assert_eq!(scanned_over_a_fold(&engine).await, 800);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_survives_a_fold_that_deletes_the_tablets_own_keyspace() {
    let (_directory, engine) = fresh(forgetful()).await;
    attach(&engine, 1, &large(800, 2048, 5)).await;
    engine.fold(TABLET).await.unwrap();
    attach(&engine, 2, &large(800, 4096, 9)).await;
    assert_eq!(scanned_over_a_fold(&engine).await, 800);
}
