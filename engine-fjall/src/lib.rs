//! The engine contracts of tidegate on [fjall](https://docs.rs/fjall): durable rows per tablet, and staging that
//! becomes visible in one step.
//!
//! Take this crate alone if a node of yours keeps rows on a disk and sends or receives tablets with
//! `tidegate-streaming`: [`FjallEngine`] is both ends of a stream
//! ([`SourceEngine`](tidegate_streaming::SourceEngine), [`TargetEngine`](tidegate_streaming::TargetEngine)) and the
//! store behind `tidegate-kv` ([`RowStore`](tidegate_kv::RowStore)).
//!
//! ```
//! use std::sync::Arc;
//!
//! use tidegate_engine_fjall::{FjallConfig, FjallEngine};
//! use tidegate_guard::Unfenced;
//! use tidegate_kv::{Row, RowStore, Timestamp};
//! use tidegate_tablets::TabletId;
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let directory = tempfile::tempdir()?;
//! let tablet = TabletId::new(1);
//! let row = Row {
//!     key: "tide".into(),
//!     timestamp: Timestamp { time: 1, node: 1, start: 1 },
//!     value: Some("gate".into()),
//! };
//!
//! let engine = FjallEngine::open(directory.path(), FjallConfig::default()).await?;
//! // A node passes the guard that admitted the request; this example fences by other means.
//! engine.write(tablet, Arc::new(Unfenced), vec![row.clone()]).await?;
//! engine.close().await?;
//! drop(engine);
//!
//! let engine = FjallEngine::open(directory.path(), FjallConfig::default()).await?;
//! assert_eq!(engine.read(tablet, vec!["tide".into()]).await?, [Some(row)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Modules
//!
//! | module | what it holds |
//! | --- | --- |
//! | `engine`, `staging`, `scan` | the contracts, as thin async fronts |
//! | `committer` | the one place where changes are made: one at a time, many to an fsync |
//! | `change` | the changes: write, stage, append, attach, adopt, fold, discard, purge, remove |
//! | `tablet`, `merge`, `read` | what readers see: a keyspace and its layers, merged by timestamp |
//! | `area`, `run` | what is staged, and what of it is on its way into a table file |
//! | `store`, `open`, `record` | what is on the disk, and what a start makes of it |
//! | `config`, `error`, `quota` | what can be told, what can go wrong, how much fits |
//!
//! # On the disk
//!
//! A keyspace per tablet, one per staging area, and one of records (see `record`). Rows that are staged in order go past
//! the journal into table files. An attach writes one record: from then on the staging keyspace is read as a *layer* of
//! its tablet. So an attach takes as long for a terabyte as for a row, and a crash sees it or not. In the background the
//! larger of layer and keyspace becomes the tablet's own, and the smaller is folded into it in small steps: after a move
//! that is what was written meanwhile, and what was moved is written once.
//!
//! # Invariants
//!
//! 1. Of two rows of a key the later timestamp is what readers see, whichever came first and whether written, staged
//!    or folded.
//! 2. Readers and crashes see nothing of what is staged before its attach, and all of it after.
//! 3. A position is in the same journal entry as the rows it stands for, or comes after their table file is durable: it
//!    is never ahead of them. If such a file fails, no handle that staged into it goes on.
//! 4. A change is made between two others, right after its guard was checked, and holds that guard until it has
//!    ended, whoever waits for it.
//! 5. What a call or a read has shown is durable; staged batches and folds are not, until a sync.
//! 6. A layer goes only once all its rows are durable in the tablet's keyspace. No fold, journal replay or staging
//!    handle brings back what was removed.
//! 7. A tombstone is dropped only when no layer is left that could hold what it covers.
//!
//! # Deliberately absent
//!
//! Range deletes (fjall has none, hence a keyspace per tablet), values apart from keys, and writing on after a
//! failed fsync of the journal: fjall refuses, and so does the engine until it is opened again. A table file whose fsync
//! failed is left out, and what was staged in it is staged anew.

mod area;
mod change;
mod committer;
mod config;
#[cfg(feature = "test-util")]
#[doc(hidden)]
pub mod decoders;
mod engine;
mod error;
mod merge;
mod open;
mod quota;
mod read;
mod record;
mod run;
mod scan;
mod staging;
mod store;
mod tablet;

pub use crate::config::FjallConfig;
pub use crate::engine::FjallEngine;
pub use crate::error::OpenError;
