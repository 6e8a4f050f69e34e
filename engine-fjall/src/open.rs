//! Opening a directory, and making good what a crash cut short.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use fjall::{Database, Keyspace, PersistMode};
use tidegate_guard::SessionId;
use tidegate_streaming::{EngineError, Position, UnitId, staging_area_made};
use tokio::sync::Semaphore;

use crate::area::{Area, AreaState, Status};
use crate::committer::Committer;
use crate::config::FjallConfig;
use crate::error::{OpenError, engine_error, open_error};
use crate::quota::Quota;
use crate::record::{
    BASES, FORMAT, FORMAT_KEY, Kind, LATEST_KEY, META, Owner, REMOVALS, base, number, own_layer_key, owner,
    positions_of, scope, staging_keyspace,
};
use crate::store::{Store, keyspace_options};
use crate::tablet::{Layer, Named, Space};

/// Sequence numbers that a start leaves out: more than a full journal has rows. They are of 63 bits.
const SEQNOS_LEFT_OUT: u64 = 1 << 28;

/// Opens the directory. Blocks.
pub(crate) fn open_store(path: PathBuf, config: FjallConfig) -> Result<Store, OpenError> {
    let db = Database::builder(&path)
        .cache_size(config.cache_bytes)
        .max_cached_files(Some(config.open_files_max.max(16)))
        .worker_threads(config.worker_threads.max(1))
        .max_journaling_size(config.journal_bytes_max.max(64 << 20))
        .manual_journal_persist(true)
        .open()
        .map_err(|error| open_error(path.clone(), error))?;
    let meta = db
        .keyspace(META, || keyspace_options(&config))
        .map_err(|error| open_error(path.clone(), error))?;
    check_format(&path, &meta)?;
    outnumber_tombstones(&db, &meta).map_err(|error| open_error(path.clone(), error))?;
    let committer = Committer::new(db.clone(), config.group_writes_max, config.queued_writes_max);
    let store = Store {
        quota: Quota::new(config.quota_bytes),
        db,
        meta,
        config,
        committer,
        tablets: Mutex::default(),
        areas: Mutex::default(),
        latest: AtomicU64::new(0),
        folds: Semaphore::new(1),
        closing: AtomicBool::new(false),
    };
    match recover(store) {
        Ok(store) => Ok(store),
        Err(EngineError::DiskFull) => Err(OpenError::DiskFull { path }),
        Err(source) => Err(OpenError::Failed {
            path,
            source: Box::new(source),
        }),
    }
}

fn check_format(path: &Path, meta: &Keyspace) -> Result<(), OpenError> {
    let fail = |error| open_error(path.to_owned(), error);
    match meta.get(FORMAT_KEY).map_err(fail)? {
        Some(format) if *format == [FORMAT] => Ok(()),
        Some(format) => {
            let what = format!("rows in format {:?}, this one reads {FORMAT}", &*format);
            Err(OpenError::Format {
                path: path.to_owned(),
                what,
            })
        }
        None => meta.insert(FORMAT_KEY, [FORMAT]).map_err(fail),
    }
}

/// Goes on with sequence numbers above all that were ever used. Before anything is made or deleted.
///
/// fjall 3.1.13 keeps the names of keyspaces by id, and the names of deleted ones behind tombstones, in a tree of its own;
/// but where its numbers go on after a start, it takes from the other keyspaces alone, and where its ids go on, from the
/// directories that are left. Race: a keyspace is deleted, nothing is written after it, and the next start gives its id
/// to a new one under a number below the tombstone's: at the start after that the new one is taken for deleted, with
/// all that was acknowledged in it. Defence: a start leaves out more numbers than can have been lost, and the record of
/// it is durable, so that the next start goes on from there.
fn outnumber_tombstones(db: &Database, meta: &Keyspace) -> fjall::Result<()> {
    let seqno = &db.supervisor.seqno;
    seqno.fetch_max(seqno.get().saturating_add(SEQNOS_LEFT_OUT));
    meta.insert(FORMAT_KEY, [FORMAT])?;
    db.persist(PersistMode::SyncAll)
}

fn recover(mut store: Store) -> Result<Store, EngineError> {
    finish_removals(&store)?;
    let bases = bases(&store)?;
    delete_left_overs(&store, &bases)?;
    if let Some(latest) = store.meta.get(LATEST_KEY).map_err(engine_error)? {
        store.latest = AtomicU64::new(number(&latest)?);
    }
    find_tablets(&store, &bases)?;
    find_layers(&store)?;
    find_areas(&store)?;
    find_marks(&store)?;
    for _ in 0..store.areas().len() {
        staging_area_made();
    }
    store.db.persist(PersistMode::SyncAll).map_err(engine_error)?;
    Ok(store)
}

/// A removal that was decided is carried out, before anything of the tablet is looked at.
fn finish_removals(store: &Store) -> Result<(), EngineError> {
    for key in keys(store, &REMOVALS)? {
        let tablet = number(key.get(1..).unwrap_or_default())?;
        let records = store.records_of(tablet)?;
        store.finish_removal(tablet, records, &store.keyspaces_of(tablet))?;
    }
    store.db.persist(PersistMode::SyncAll).map_err(engine_error)
}

/// Under which session the rows of each tablet were staged that has them in no keyspace named after it.
type Bases = BTreeMap<u64, SessionId>;

fn bases(store: &Store) -> Result<Bases, EngineError> {
    let mut bases = Bases::new();
    for entry in store.meta.prefix(BASES) {
        let (key, session) = entry.into_inner().map_err(engine_error)?;
        bases.insert(number(key.get(1..).unwrap_or_default())?, base(&session)?);
    }
    Ok(bases)
}

/// Keyspaces that no record names: their records were dropped, or never came to the disk.
fn delete_left_overs(store: &Store, bases: &Bases) -> Result<(), EngineError> {
    let has = |key: Vec<u8>| store.meta.contains_key(key).map_err(engine_error);
    for name in store.db.list_keyspace_names() {
        let known = match owner(&name) {
            Some(Owner::Tablet(tablet)) => !bases.contains_key(&tablet) || has(own_layer_key(tablet))?,
            Some(Owner::Staging(unit, session)) => {
                bases.get(&unit.as_u64()) == Some(&session)
                    || has(Kind::Area.key(unit, session))?
                    || has(Kind::Layer.key(unit, session))?
            }
            None => true,
        };
        if !known {
            let keyspace = open_keyspace(store, &name)?;
            store.db.delete_keyspace(keyspace).map_err(engine_error)?;
        }
    }
    Ok(())
}

/// The keyspaces that tablets have rows in, but for attached ones.
fn find_tablets(store: &Store, bases: &Bases) -> Result<(), EngineError> {
    for (id, session) in bases {
        let main = open_space(store, &staging_keyspace(UnitId::new(*id), *session))?;
        let tablet = store.tablet_or_new(*id);
        let mut state = tablet.state_mut();
        state.main = Some(main);
        state.main_named = Named::Session(*session);
    }
    for name in store.db.list_keyspace_names() {
        if let Some(Owner::Tablet(id)) = owner(&name) {
            let space = open_space(store, &name)?;
            let tablet = store.tablet_or_new(id);
            let mut state = tablet.state_mut();
            if bases.contains_key(&id) {
                let named = Named::Tablet;
                state.layers.push(Layer { named, space });
            } else {
                state.main = Some(space);
            }
        }
    }
    Ok(())
}

fn find_layers(store: &Store) -> Result<(), EngineError> {
    for key in keys(store, &Kind::Layer.prefix())? {
        let (unit, session, _) = scope(&key)?;
        let space = open_space(store, &staging_keyspace(unit, session))?;
        store.tablet_or_new(unit.as_u64()).state_mut().layers.push(Layer {
            named: Named::Session(session),
            space,
        });
    }
    Ok(())
}

fn find_areas(store: &Store) -> Result<(), EngineError> {
    for key in keys(store, &Kind::Area.prefix())? {
        let (unit, session, _) = scope(&key)?;
        let name = staging_keyspace(unit, session);
        if !store.db.keyspace_exists(&name) {
            // Positions without rows: whoever resumed from them would leave rows out.
            forget_records(store, unit, session)?;
            continue;
        }
        let space = open_space(store, &name)?;
        let mut state = AreaState::new(Status::Collecting(Arc::clone(&space)));
        state.positions = positions(store, unit, session)?;
        state.greatest = space
            .keyspace
            .last_key_value()
            .map(fjall::Guard::key)
            .transpose()
            .map_err(engine_error)?;
        if let Some(latest) = store.meta.get(&key).map_err(engine_error)? {
            state.latest = number(&latest)?;
        }
        store
            .areas()
            .insert((unit, session), Area::new(unit, session, state));
    }
    Ok(())
}

fn find_marks(store: &Store) -> Result<(), EngineError> {
    for key in keys(store, &Kind::Mark.prefix())? {
        let (unit, session, _) = scope(&key)?;
        let mut state = AreaState::new(Status::Attached);
        state.positions = positions(store, unit, session)?;
        store
            .areas()
            .insert((unit, session), Area::new(unit, session, state));
    }
    Ok(())
}

fn forget_records(store: &Store, unit: UnitId, session: SessionId) -> Result<(), EngineError> {
    let mut batch = store.db.batch().durability(None);
    batch.remove(&store.meta, Kind::Area.key(unit, session));
    for key in keys(store, &positions_of(unit, session))? {
        batch.remove(&store.meta, key);
    }
    batch.commit().map_err(engine_error)
}

fn positions(
    store: &Store,
    unit: UnitId,
    session: SessionId,
) -> Result<BTreeMap<u64, Position>, EngineError> {
    let mut positions = BTreeMap::new();
    for entry in store.meta.prefix(positions_of(unit, session)) {
        let (key, position) = entry.into_inner().map_err(engine_error)?;
        let (.., peer) = scope(&key)?;
        positions.insert(number(peer)?, Position(Bytes::copy_from_slice(&position)));
    }
    Ok(positions)
}

fn keys(store: &Store, prefix: &[u8]) -> Result<Vec<Vec<u8>>, EngineError> {
    store
        .meta
        .prefix(prefix)
        .map(|entry| entry.key().map(|key| key.to_vec()).map_err(engine_error))
        .collect()
}

fn open_keyspace(store: &Store, name: &str) -> Result<Keyspace, EngineError> {
    store
        .db
        .keyspace(name, || keyspace_options(&store.config))
        .map_err(engine_error)
}

fn open_space(store: &Store, name: &str) -> Result<Arc<Space>, EngineError> {
    let keyspace = open_keyspace(store, name)?;
    let bytes = keyspace.disk_space();
    store.quota.take(bytes)?;
    Ok(Space::new(keyspace, bytes))
}
