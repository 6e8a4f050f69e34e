//! Crashes: the directory is copied, or its journal cut, at some moment, and the copy opened. It shows nothing of
//! an attach or all of it, and no position is ahead of its rows.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tidegate_engine_fjall::FjallConfig;
use tidegate_kv::{Row, RowStore};
use tidegate_streaming::TargetEngine;

use crate::rig::{
    SOURCE, TABLET, UNIT, batch, copy_tree, fresh, in_one_table, in_tables, open, row, rows, session, still,
    unfenced,
};

fn crashed(directory: &TempDir) -> TempDir {
    let copy = tempfile::tempdir().expect("a directory");
    copy_tree(directory.path(), copy.path());
    copy
}

/// What a node finds after a crash at this moment.
struct Found {
    rows: Vec<Row>,
    attached: bool,
    /// The position of the source, and what would be visible if what is staged were attached.
    position: Option<String>,
    staged_rows: Vec<Row>,
}

async fn found(copy: &Path) -> Found {
    let engine = open(copy, still()).await;
    let visible = rows(&engine, TABLET).await;
    let staged = engine.staged().await.expect("a list");
    let mut found = Found {
        rows: visible,
        attached: false,
        position: None,
        staged_rows: Vec::new(),
    };
    if staged.contains(&(UNIT, session(1))) {
        let staging = engine
            .staging(UNIT, session(1), unfenced())
            .await
            .expect("the area");
        found.attached = staging.attached().await.expect("answers");
        let position = staging.position(SOURCE).await.expect("answers");
        found.position = position.map(|position| String::from_utf8(position.0.to_vec()).expect("a text key"));
        staging.attach(unfenced()).await.expect("attaches");
        found.staged_rows = rows(&engine, TABLET).await;
    }
    found
}

fn batches() -> Vec<Vec<Row>> {
    (0..5)
        .map(|batch| {
            (0..20)
                .map(|n| row(&format!("{batch}{n:02}"), 10, "a value of some length"))
                .collect()
        })
        .collect()
}

fn assert_sound(found: &Found, direct: &[Row]) {
    let all: Vec<Row> = batches().concat();
    if found.attached {
        assert_eq!(found.rows.len(), all.len() + direct.len());
    } else {
        assert_eq!(found.rows, direct, "nothing of the attach");
    }
    if let Some(position) = &found.position {
        let up_to = all
            .iter()
            .filter(|row| row.key[..] <= *position.as_bytes())
            .count();
        assert!(
            found.staged_rows.len() >= up_to + direct.len(),
            "a position ahead of its rows: {position}"
        );
    }
}

#[tokio::test]
async fn a_copy_at_any_step_shows_nothing_or_all() {
    copies_at_every_step(still()).await;
}

#[tokio::test]
async fn a_copy_at_any_step_shows_nothing_or_all_of_table_files() {
    copies_at_every_step(in_tables(still())).await;
}

#[tokio::test]
async fn a_copy_at_any_step_shows_nothing_or_all_of_a_table_file_under_way() {
    copies_at_every_step(in_one_table(still())).await;
}

async fn copies_at_every_step(config: FjallConfig) {
    let (directory, engine) = fresh(config).await;
    let direct = [row("z", 1, "direct")];
    engine
        .write(TABLET, unfenced(), direct.to_vec())
        .await
        .expect("writes");
    let staging = engine
        .staging(UNIT, session(1), unfenced())
        .await
        .expect("an area");
    for staged in batches() {
        staging
            .stage(unfenced(), SOURCE, batch(&staged))
            .await
            .expect("stages");
        assert_sound(&found(crashed(&directory).path()).await, &direct);
    }
    staging.sync(unfenced()).await.expect("syncs");
    let after_sync = found(crashed(&directory).path()).await;
    assert_sound(&after_sync, &direct);
    assert_eq!(
        after_sync.position.as_deref(),
        Some("419"),
        "a sync keeps the position"
    );
    staging.attach(unfenced()).await.expect("attaches");
    let attached = found(crashed(&directory).path()).await;
    assert!(attached.attached);
    assert_sound(&attached, &direct);
    engine.fold(TABLET).await.expect("folds");
    assert_sound(&found(crashed(&directory).path()).await, &direct);
    engine.discard(UNIT, session(1)).await.expect("discards");
    assert_eq!(found(crashed(&directory).path()).await.rows.len(), 101);
}

/// Length of the journal's content: it ends in zeros, as fjall makes it longer than it needs.
fn journal_end(path: &Path) -> u64 {
    let bytes = fs::read(path).expect("reads");
    bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last as u64 + 1)
}

#[tokio::test]
async fn a_journal_cut_anywhere_shows_nothing_or_all() {
    let (directory, engine) = fresh(still()).await;
    let direct = [row("z", 1, "direct")];
    engine
        .write(TABLET, unfenced(), direct.to_vec())
        .await
        .expect("writes");
    let staging = engine
        .staging(UNIT, session(1), unfenced())
        .await
        .expect("an area");
    staging
        .stage(unfenced(), SOURCE, batch(&batches()[0]))
        .await
        .expect("stages");
    staging.sync(unfenced()).await.expect("syncs");
    let journal = directory.path().join("0.jnl");
    let synced = journal_end(&journal);
    for staged in &batches()[1..] {
        staging
            .stage(unfenced(), SOURCE, batch(staged))
            .await
            .expect("stages");
    }
    staging.attach(unfenced()).await.expect("attaches");
    let end = journal_end(&journal);
    assert!(end > synced + 1000, "the journal holds the batches");
    let mut positions = BTreeSet::new();
    // A prime step falls into headers, keys and values alike; the last cut is behind the attach.
    for cut in (synced + 1..end).step_by(503).chain([end + 1]) {
        let copy = crashed(&directory);
        let file = fs::OpenOptions::new()
            .write(true)
            .open(copy.path().join("0.jnl"))
            .expect("opens");
        file.set_len(cut).expect("cuts");
        drop(file);
        let found = found(copy.path()).await;
        assert_sound(&found, &direct);
        assert_eq!(found.attached, cut > end, "at {cut} of {end}");
        positions.insert(found.position.expect("the first batch was synced"));
    }
    assert_eq!(positions.len(), batches().len(), "every batch was cut off once");
}
