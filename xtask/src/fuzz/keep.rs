//! What runs have found, minimised, into the corpus of the tree.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Result, bail};

use super::Ground;
use crate::process::Process;

/// Bytes that a target's corpus may have, its seeds counted: all together stay small.
const TARGET_BYTES_MAX: u64 = 14_000;
/// A file that is longer is not taken.
const FILE_BYTES_MAX: u64 = 1_500;

/// Takes what covers more than the seeds do, the shortest first, as long as there is room.
pub(super) fn into_tree(ground: &Ground<'_>, target: &str) -> Result<()> {
    let tree = ground.context.root.join("fuzz/corpus").join(target);
    let grown = ground.context.target.join("fuzz/corpus").join(target);
    let merged = ground.context.target.join("fuzz/merged").join(target);
    if merged.exists() {
        fs::remove_dir_all(&merged)?;
    }
    fs::create_dir_all(&merged)?;
    let code = Process::new(&ground.program, &ground.context.root)
        .environment("TIDEGATE_FUZZ_TARGET", target)
        .argument("-merge=1")
        .argument(&merged)
        .argument(&tree)
        .argument(&grown)
        .run_in_silence()?;
    if code != Some(0) {
        bail!("{target}: what was found cannot be merged");
    }
    let (mut held, mut bytes) = (BTreeSet::new(), 0);
    for file in fs::read_dir(&tree)? {
        let text = fs::read(file?.path())?;
        bytes += text.len() as u64;
        held.insert(text);
    }
    let mut files = Vec::new();
    for file in fs::read_dir(&merged)? {
        let file = file?;
        files.push((file.metadata()?.len(), file.file_name(), file.path()));
    }
    files.sort();
    for (len, name, path) in files {
        let text = fs::read(path)?;
        if len <= FILE_BYTES_MAX && bytes + len <= TARGET_BYTES_MAX && !held.contains(&text) {
            // The first digits of its hash are enough to tell it from others.
            let name = name.to_string_lossy();
            fs::write(tree.join(name.get(..12).unwrap_or(&name)), text)?;
            bytes += len;
        }
    }
    Ok(())
}
