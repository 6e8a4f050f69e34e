//! Files that are written whole, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// Its owner.
    Secret,
    /// Whoever the system lets.
    Open,
}

/// Refuses to go on where one of these is there.
pub(super) fn refuse_existing(paths: &[&Path]) -> Result<()> {
    for path in paths {
        if path.symlink_metadata().is_ok() {
            bail!("{} is there already: --force overwrites it", path.display());
        }
    }
    Ok(())
}

/// Writes a file that is durable and whole when it is seen under its name.
pub(super) fn write(path: &Path, text: &str, secrecy: Secrecy, force: bool) -> Result<()> {
    try_write(path, text, secrecy, force).with_context(|| format!("{} cannot be written", path.display()))
}

fn try_write(path: &Path, text: &str, secrecy: Secrecy, force: bool) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = Path::new(&new);
    // What is left of a write that was broken off; it may have other permissions.
    match fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secrecy == Secrecy::Secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let _ = secrecy;
    let mut file = options.open(new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    drop(file);
    if force {
        fs::rename(new, path)?;
    } else {
        // Unlike a rename, a link takes nobody's name.
        fs::hard_link(new, path)?;
        fs::remove_file(new)?;
    }
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}
