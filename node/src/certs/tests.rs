//! There and back, what is not overwritten, and who may read the keys.

use tempfile::TempDir;
use tidegate_transport_quic::Identity;

use super::*;

fn place() -> (TempDir, PathBuf) {
    let root = tempfile::tempdir().expect("a directory");
    let dir = root.path().join("a/certs");
    (root, dir)
}

fn args(dir: &Path, node: u64, force: bool) -> IssueArgs {
    IssueArgs {
        dir: dir.to_owned(),
        node,
        admin: true,
        name: vec!["db.example".to_owned(), "10.0.0.1".to_owned()],
        force,
    }
}

fn identity(dir: &Path, node: u64) -> Identity {
    let read = |name: String| std::fs::read(dir.join(name)).expect("is there");
    Identity::from_pem(
        &read(format!("node-{node}.pem")),
        &read(format!("node-{node}.key")),
        &read("ca.pem".to_owned()),
    )
    .expect("an identity")
}

#[test]
fn what_is_issued_is_an_identity_of_the_cluster() {
    let (_root, dir) = place();
    found(&dir, "blue", false).expect("an authority");
    issue(&args(&dir, 7, false)).expect("a certificate");
    let identity = identity(&dir, 7);
    assert_eq!((identity.cluster(), identity.node()), ("blue", PeerId::new(7)));
    let node = show::show(&dir.join("node-7.pem")).expect("is shown");
    assert!(
        node.contains("tidegate://blue/node/7") && node.contains("days more"),
        "{node}"
    );
    let admin = show::show(&dir.join("admin-7.pem")).expect("is shown");
    assert!(
        admin.contains("localhost, 127.0.0.1, ::1, db.example, 10.0.0.1"),
        "{admin}"
    );
    assert!(
        show::show(&dir.join("ca.key")).is_err(),
        "a key is no certificate"
    );
}

#[cfg(unix)]
#[test]
fn only_their_owner_reads_keys() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_root, dir) = place();
    found(&dir, "blue", false).expect("an authority");
    issue(&args(&dir, 1, false)).expect("a certificate");
    rotate(&dir).expect("a new authority");
    for name in ["ca.key", "ca-before.key", "node-1.key", "admin-1.key"] {
        let mode = std::fs::metadata(dir.join(name))
            .expect("is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn nothing_is_overwritten_unless_it_is_asked_for() {
    let (_root, dir) = place();
    found(&dir, "blue", false).expect("an authority");
    issue(&args(&dir, 1, false)).expect("a certificate");
    let all = || -> Vec<Vec<u8>> {
        [
            "ca.pem",
            "ca.key",
            "node-1.pem",
            "node-1.key",
            "admin-1.pem",
            "admin-1.key",
        ]
        .map(|name| std::fs::read(dir.join(name)).expect("is there"))
        .into()
    };
    let before = all();
    for refused in [found(&dir, "blue", false), issue(&args(&dir, 1, false))] {
        let error = format!("{:#}", refused.expect_err("is refused"));
        assert!(error.contains("--force"), "{error}");
    }
    // One of the files that would be written is enough.
    std::fs::remove_file(dir.join("node-1.pem")).expect("removes");
    assert!(issue(&args(&dir, 1, false)).is_err());
    assert!(!dir.join("node-1.pem").exists());

    issue(&args(&dir, 1, true)).expect("is forced");
    assert_ne!(all()[2..], before[2..]);
    assert_eq!(all()[..2], before[..2]);
}

#[test]
fn without_an_authority_the_error_says_how_to_make_one() {
    let (_root, dir) = place();
    for refused in [issue(&args(&dir, 1, false)), rotate(&dir)] {
        let error = format!("{:#}", refused.expect_err("is refused"));
        assert!(error.contains("tidegate certs init"), "{error}");
    }
    assert!(found(&dir, "Not A Name", false).is_err());
}

#[test]
fn a_new_authority_leaves_the_old_one_believed_until_it_is_taken_out() {
    let (_root, dir) = place();
    found(&dir, "blue", false).expect("an authority");
    issue(&args(&dir, 1, false)).expect("a certificate");
    let old = std::fs::read_to_string(dir.join("ca.pem")).expect("is there");
    rotate(&dir).expect("a new authority");
    let both = std::fs::read_to_string(dir.join("ca.pem")).expect("is there");
    assert!(both.ends_with(&old) && both.matches("BEGIN CERTIFICATE").count() == 2);
    // Issued by either, a node finds itself in it.
    assert_eq!(identity(&dir, 1).node(), PeerId::new(1));
    issue(&args(&dir, 2, false)).expect("by the new one");
    let new = both.strip_suffix(&old).expect("stands first");
    let authority = Authority::from_pem(
        new,
        &std::fs::read_to_string(dir.join("ca.key")).expect("is there"),
    );
    assert_eq!(authority.expect("the key is the new one's").cluster(), "blue");
}
