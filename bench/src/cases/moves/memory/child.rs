//! What the processes of a move do: `fill DIRECTORY MIB…`, `source DIRECTORY`, `target DIRECTORY SOURCE PORT`.

use std::fs;
use std::io::{BufRead as _, stdin};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use tidegate_guard::SessionId;
use tidegate_kv::KvStorage;
use tidegate_streaming::UnitId;
use tidegate_transport_quic::authority::Authority;
use tokio::runtime::Runtime;

use super::super::node::Node;
use super::super::rows::Rows;
use super::super::track::{self, SOURCE, TARGET};
use super::end::VALUE_LEN;
use crate::process;

/// Runs what the words say, until the input ends.
///
/// # Errors
///
/// Words that mean nothing, or whatever failed.
pub(crate) fn child(words: &[String]) -> Result<()> {
    match words {
        [role, directory, mib @ ..] if role == "fill" => fill(Path::new(directory), mib),
        [role, directory] if role == "source" => source(Path::new(directory)),
        [role, directory, source, port] if role == "target" => {
            target(Path::new(directory), Path::new(source), port.parse()?)
        }
        _ => bail!("what is {words:?}"),
    }
}

fn rows(files: &Path) -> PathBuf {
    files.join("rows")
}

fn fill(directory: &Path, mib: &[String]) -> Result<()> {
    let authority = Authority::new("bench")?;
    fs::write(directory.join("authority.pem"), authority.certificates_pem())?;
    fs::write(directory.join("key.pem"), authority.key_pem())?;
    let runtime = track::runtime()?;
    for (number, mib) in mib.iter().enumerate() {
        let rows_there = Rows {
            value_len: VALUE_LEN,
            mib: mib.parse()?,
        };
        let unit = UnitId::new(number as u64 + 1);
        runtime.block_on(track::fill(rows(directory), unit, rows_there))?;
    }
    // As the others say their port; it has none.
    println!("0");
    Ok(())
}

fn authority(directory: &Path) -> Result<Authority> {
    let certificates = fs::read_to_string(directory.join("authority.pem"))?;
    let key = fs::read_to_string(directory.join("key.pem"))?;
    Ok(Authority::from_pem(&certificates, &key)?)
}

/// One for each unit; all are open from the start.
fn session(unit: u64) -> Result<SessionId> {
    Ok(SessionId::from_u128(u128::from(unit))?)
}

fn source(directory: &Path) -> Result<()> {
    let runtime = track::runtime()?;
    let _entered = runtime.enter();
    let node = Node::bind(SOURCE, &authority(directory)?)?;
    let (_, storage) = runtime.block_on(node.storage(&rows(directory)))?;
    node.serve(Arc::new(storage));
    node.begin(&[session(1)?, session(2)?]);
    println!("{}", node.address()?.port());
    obey(|_| bail!("a source pulls nothing"))?;
    runtime.block_on(node.shut_down());
    Ok(())
}

fn target(directory: &Path, source: &Path, port: u16) -> Result<()> {
    let runtime = track::runtime()?;
    let _entered = runtime.enter();
    let node = Node::bind(TARGET, &authority(source)?)?;
    node.knows(SOURCE, SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    let (engine, storage) = runtime.block_on(node.storage(&rows(directory)))?;
    let storage = Arc::new(storage);
    node.begin(&[session(1)?, session(2)?]);
    println!("{}", node.address()?.port());
    obey(|unit| pull(&runtime, &node, &storage, unit))?;
    runtime.block_on(engine.close())?;
    runtime.block_on(node.shut_down());
    Ok(())
}

fn pull(runtime: &Runtime, node: &Node, storage: &Arc<KvStorage>, unit: u64) -> Result<u64> {
    let (node, storage, session) = (node.clone(), Arc::clone(storage), session(unit)?);
    let pulling = async move { node.pull(storage, UnitId::new(unit), session, SOURCE).await };
    Ok(runtime.block_on(runtime.spawn(pulling))??.rows)
}

/// Answers each line with one, until there are no more.
fn obey(mut pull: impl FnMut(u64) -> Result<u64>) -> Result<()> {
    for line in stdin().lock().lines() {
        let line = line?;
        match line.split_once(' ') {
            Some(("pull", unit)) => println!("{}", pull(unit.parse()?)?),
            None if line == "rest" => {
                process::forget_memory_peak()?;
                println!("{}", process::memory_bytes()?);
            }
            None if line == "peak" => println!("{}", process::memory_peak_bytes()?),
            _ => return Err(anyhow::anyhow!("what is {line:?}")).context("a line of the input"),
        }
    }
    Ok(())
}
