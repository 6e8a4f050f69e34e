//! `tidegate certs`: a private authority on the disk, and what it issues.
//!
//! ```text
//! ca.pem            the authority's certificate, and while it is replaced the one before: every node's
//! ca.key            its key: for whoever issues, and for no node
//! node-1.pem, .key  what node 1 proves itself with
//! admin-1.pem, .key what node 1's admin API proves itself with
//! ```

mod files;
mod show;
#[cfg(test)]
mod tests;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, Subcommand};
use tidegate_transport::PeerId;
use tidegate_transport_quic::authority::{Authority, Issued};

use self::files::{Secrecy, refuse_existing, write};

#[derive(Debug, Args)]
pub(crate) struct CertsArgs {
    #[command(subcommand)]
    command: CertsCommand,
}

#[derive(Debug, Subcommand)]
enum CertsCommand {
    /// Makes a cluster's private authority.
    Init(InitArgs),
    /// Makes a node's key and certificate.
    Issue(IssueArgs),
    /// Shows what the certificates in a file say.
    Show {
        /// A file of certificates, PEM.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct InitArgs {
    /// Where the authority is kept.
    #[arg(long, value_name = "DIR", default_value = "certs")]
    dir: PathBuf,
    /// The cluster's name: 1 to 63 of a-z, 0-9 and -.
    #[arg(
        long,
        value_name = "NAME",
        required_unless_present = "rotate",
        conflicts_with = "rotate"
    )]
    cluster: Option<String>,
    /// Make a new authority beside the one that is there: ca.pem then holds both certificates, ca.key the new key.
    /// Give every node the new ca.pem, then issue certificates anew, then take the old one out of ca.pem.
    #[arg(long, conflicts_with = "force")]
    rotate: bool,
    /// Overwrite an authority that is there. What it has issued is believed no more.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
struct IssueArgs {
    /// Where the authority is kept.
    #[arg(long, value_name = "DIR", default_value = "certs")]
    dir: PathBuf,
    /// The node's number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    node: u64,
    /// Also make a certificate for the node's admin API, for localhost and the names given.
    #[arg(long)]
    admin: bool,
    /// A host name or an address under which the node's admin API is found; can be given several times.
    #[arg(long, value_name = "DNS|IP", requires = "admin")]
    name: Vec<String>,
    /// Overwrite what is there.
    #[arg(long)]
    force: bool,
}

/// Does what was asked for.
pub(crate) fn main(args: &CertsArgs) -> ExitCode {
    let done = match &args.command {
        CertsCommand::Init(init) if init.rotate => rotate(&init.dir),
        CertsCommand::Init(init) => found(&init.dir, init.cluster.as_deref().unwrap_or(""), init.force),
        CertsCommand::Issue(args) => issue(args),
        CertsCommand::Show { file } => show::show(file),
    };
    match done {
        Ok(text) => {
            // Where nobody reads it, there is nobody to tell.
            let _ = write!(io::stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn ca(dir: &Path) -> [PathBuf; 2] {
    [dir.join("ca.pem"), dir.join("ca.key")]
}

fn found(dir: &Path, cluster: &str, force: bool) -> Result<String> {
    let authority = Authority::new(cluster)?;
    std::fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    let [pem, key] = ca(dir);
    if !force {
        refuse_existing(&[&pem, &key])?;
    }
    write(&key, &authority.key_pem(), Secrecy::Secret, force)?;
    write(&pem, authority.certificates_pem(), Secrecy::Open, force)?;
    Ok(format!(
        "made the authority of cluster {cluster}: {} for every node, and {} to keep safe\n",
        pem.display(),
        key.display()
    ))
}

fn open(dir: &Path) -> Result<Authority> {
    let [pem, key] = ca(dir);
    let read = |path: &Path| match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => bail!(
            "there is no {}: make an authority first, with `tidegate certs init --dir {} --cluster NAME`",
            path.display(),
            dir.display()
        ),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    };
    Authority::from_pem(&read(&pem)?, &read(&key)?)
        .with_context(|| format!("the authority in {} cannot be used", dir.display()))
}

/// Both are believed as soon as the first file is written; a key that was not written yet still finds its certificate.
fn rotate(dir: &Path) -> Result<String> {
    let old = open(dir)?;
    let new = Authority::new(old.cluster())?;
    let [pem, key] = ca(dir);
    let kept = dir.join("ca-before.key");
    write(&kept, &old.key_pem(), Secrecy::Secret, true)?;
    let both = format!("{}{}", new.certificates_pem(), old.certificates_pem());
    write(&pem, &both, Secrecy::Open, true)?;
    write(&key, &new.key_pem(), Secrecy::Secret, true)?;
    Ok(format!(
        "made a new authority of cluster {}: {} holds its certificate and those before, {} its key, {} the key before\n\
        next: give every node the new ca.pem, then issue every node's certificate anew with --force, then take the \
        certificates before out of ca.pem\n",
        new.cluster(),
        pem.display(),
        key.display(),
        kept.display()
    ))
}

fn issue(args: &IssueArgs) -> Result<String> {
    let (dir, node) = (&args.dir, args.node);
    let authority = open(dir)?;
    let mut issued = vec![("node", authority.issue_pem(PeerId::new(node))?)];
    if args.admin {
        let mut names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        for name in &args.name {
            ensure!(!name.is_empty(), "an empty name stands in no certificate");
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        let server = authority.issue_server_pem(&names);
        issued.push((
            "admin",
            server.context("a name that cannot stand in a certificate")?,
        ));
    }
    let place = |what: &str, end: &str| dir.join(format!("{what}-{node}.{end}"));
    if !args.force {
        // All of them, before the first is written.
        for (what, _) in &issued {
            refuse_existing(&[&place(what, "pem"), &place(what, "key")])?;
        }
    }
    let mut text = String::new();
    for (what, Issued { certificate, key }) in &issued {
        let (pem, secret) = (place(what, "pem"), place(what, "key"));
        write(&secret, key, Secrecy::Secret, args.force)?;
        write(&pem, certificate, Secrecy::Open, args.force)?;
        text.push_str(&format!("made {} and {}\n", pem.display(), secret.display()));
    }
    Ok(text)
}
