//! Where the nodes keep their data.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How long removing may take while engines that were given up still write.
const REMOVE_DEADLINE: Duration = Duration::from_secs(5);

/// How long to let such an engine come to its end before removing is tried again.
const REMOVE_PACE: Duration = Duration::from_millis(20);

/// Where the nodes keep their data; removed in the end, unless the user named it.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// Removes what is temporary if nobody came to [`DataDir::remove`].
    temporary: Option<tempfile::TempDir>,
}

impl DataDir {
    /// The directory that was named, made if it is not there; else a temporary one.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub(crate) fn make(named: Option<&Path>) -> Result<Self> {
        if let Some(path) = named {
            std::fs::create_dir_all(path)
                .with_context(|| format!("the data directory {} cannot be made", path.display()))?;
            return Ok(Self {
                path: path.to_owned(),
                temporary: None,
            });
        }
        let temporary = tempfile::Builder::new()
            .prefix("tidegate-demo-")
            .tempdir()
            .context("a temporary directory cannot be made: name one with --data-dir DIR")?;
        Ok(Self {
            path: temporary.path().to_owned(),
            temporary: Some(temporary),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it if it is temporary. Tries again for a while: a thread of an engine that was given up in the middle
    /// of a write makes files while they are being removed.
    ///
    /// # Errors
    ///
    /// It is still there.
    pub(crate) fn remove(self) -> Result<()> {
        let Some(temporary) = self.temporary else {
            return Ok(());
        };
        let path = temporary.keep();
        let begun = Instant::now();
        loop {
            match std::fs::remove_dir_all(&path) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::NotFound && !path.exists() => return Ok(()),
                Err(error) if begun.elapsed() >= REMOVE_DEADLINE => {
                    return Err(error).with_context(|| format!("{} could not be removed", path.display()));
                }
                // No runtime is left whose thread this could block.
                Err(_) => std::thread::sleep(REMOVE_PACE),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_named_stays_and_what_is_temporary_goes() {
        let root = tempfile::tempdir().expect("a directory");
        let named = root.path().join("a/b");
        let kept = DataDir::make(Some(&named)).expect("is made");
        assert_eq!(kept.path(), named);
        kept.remove().expect("nothing to do");
        assert!(named.is_dir());

        let temporary = DataDir::make(None).expect("is made");
        let path = temporary.path().to_owned();
        std::fs::create_dir(path.join("node-1")).expect("makes a directory");
        std::fs::write(path.join("node-1/file"), "text").expect("writes");
        temporary.remove().expect("is removed");
        assert!(!path.exists());
    }

    #[test]
    fn a_directory_in_which_somebody_still_writes_is_removed_all_the_same() {
        let data = DataDir::make(None).expect("is made");
        let path = data.path().to_owned();
        let writer = std::thread::spawn({
            let path = path.clone();
            move || {
                // Ends when the directory is gone.
                for number in 0_u64.. {
                    if std::fs::write(path.join(number.to_string()), "text").is_err() {
                        return;
                    }
                }
            }
        });
        data.remove().expect("is removed");
        writer.join().expect("ends");
        assert!(!path.exists());
    }
}
