//! The workspace as cargo sees it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use cargo_metadata::{DependencyKind, MetadataCommand, TargetKind};

/// One crate of ours.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) package: String,
    pub(crate) version: String,
    /// Its folder at the top.
    pub(crate) folder: String,
    pub(crate) is_library: bool,
    pub(crate) is_published: bool,
    pub(crate) features: BTreeSet<String>,
    pub(crate) dependencies: Vec<Dependency>,
}

/// What a crate of ours depends on.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) package: String,
    pub(crate) is_dev: bool,
    pub(crate) is_ours: bool,
    pub(crate) features: Vec<String>,
}

/// The folder of the workspace.
pub(crate) fn root() -> Result<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(own.parent().context("xtask has no folder above it")?.to_owned())
}

/// The target directory, and the members by folder.
pub(crate) fn read(root: &Path) -> Result<(PathBuf, Vec<Member>)> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--locked".to_owned()])
        .exec()
        .context("cargo metadata")?;
    let mut members: Vec<Member> = metadata
        .workspace_packages()
        .into_iter()
        .map(|package| Member {
            package: package.name.to_string(),
            version: package.version.to_string(),
            folder: folder(package.manifest_path.as_std_path()),
            is_library: package
                .targets
                .iter()
                .any(|target| target.is_kind(TargetKind::Lib)),
            is_published: package.publish.is_none(),
            features: package.features.keys().cloned().collect(),
            dependencies: package.dependencies.iter().map(dependency).collect(),
        })
        .collect();
    members.sort_by(|a, b| a.folder.cmp(&b.folder));
    Ok((metadata.target_directory.into_std_path_buf(), members))
}

fn folder(manifest: &Path) -> String {
    let folder = manifest.parent().and_then(Path::file_name).unwrap_or_default();
    folder.to_string_lossy().into_owned()
}

fn dependency(dependency: &cargo_metadata::Dependency) -> Dependency {
    Dependency {
        package: dependency.name.clone(),
        is_dev: dependency.kind == DependencyKind::Development,
        is_ours: dependency.path.is_some(),
        features: dependency.features.clone(),
    }
}
