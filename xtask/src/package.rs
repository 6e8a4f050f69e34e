//! What would be published builds from what is in the package.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::process::Process;
use crate::step::{Context, Outcome};
use crate::workspace::Member;

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    let published: Vec<&Member> = context.members.iter().filter(|m| m.is_published).collect();
    // Away from other builds: what is built here of our crates is thrown away, as it is of other sources.
    let target = context.target.join("packaged");
    let unpacked = home::cargo_home()
        .context("no home of cargo")?
        .join("registry/src");
    forget(&unpacked, &published)?;
    let clean = Process::cargo(&context.root).words("clean --quiet --locked --target-dir");
    of_all(clean.argument(&target), &published).run()?;
    // All at once: each is built against the packages of the others, as none of them is in the registry yet.
    let package = Process::cargo(&context.root)
        .environment("CARGO_PROFILE_DEV_DEBUG", "0")
        .words("package --locked --allow-dirty --target-dir");
    of_all(package.argument(&target), &published).run()?;
    Ok(Outcome::Passed(format!("{} packages", published.len())))
}

fn of_all(process: Process, members: &[&Member]) -> Process {
    members.iter().fold(process, |process, m| {
        process.argument("--package").argument(&m.package)
    })
}

/// Removes our crates from where cargo unpacks what it takes from a registry in a folder.
///
/// Cargo packs ours into such a registry to build one against the other, unpacks them from there into its home,
/// and never again, whatever has become of the package: it knows them by name and version alone. So a run would
/// build against the sources of the run before.
fn forget(unpacked: &Path, members: &[&Member]) -> Result<()> {
    for registry in entries(unpacked)? {
        // A registry in a folder has no host, with which the name would begin.
        if !registry.starts_with("-") {
            continue;
        }
        for member in members {
            let own = unpacked
                .join(&registry)
                .join(format!("{}-{}", member.package, member.version));
            if own.exists() {
                fs::remove_dir_all(&own).with_context(|| format!("cannot remove {}", own.display()))?;
            }
        }
    }
    Ok(())
}

/// The names in a folder, none if there is no such folder.
fn entries(folder: &Path) -> Result<Vec<String>> {
    let read = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.with_context(|| format!("cannot read {}", folder.display()))?,
    };
    read.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn member(package: &str) -> Member {
        Member {
            package: package.to_owned(),
            version: "0.1.0".to_owned(),
            folder: String::new(),
            is_library: true,
            is_published: true,
            features: BTreeSet::new(),
            dependencies: Vec::new(),
        }
    }

    #[test]
    fn only_ours_from_a_folder_is_forgotten() {
        let home = tempfile::tempdir().unwrap();
        let kept = ["-a1/other-0.1.0", "-a1/ours-0.2.0", "host-a1/ours-0.1.0"];
        let gone = ["-a1/ours-0.1.0", "-b2/ours-0.1.0"];
        for folder in kept.iter().chain(&gone) {
            fs::create_dir_all(home.path().join(folder).join("src")).unwrap();
        }
        forget(home.path(), &[&member("ours")]).unwrap();
        for folder in kept {
            assert!(home.path().join(folder).exists(), "{folder}");
        }
        for folder in gone {
            assert!(!home.path().join(folder).exists(), "{folder}");
        }
    }

    #[test]
    fn where_nothing_was_unpacked_nothing_is_forgotten() {
        let home = tempfile::tempdir().unwrap();
        forget(&home.path().join("registry/src"), &[&member("ours")]).unwrap();
    }
}
