//! What it takes to listen.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tidegate_transport::PeerId;
use tidegate_transport_quic::authority::Authority;

use super::*;

struct Files {
    _root: tempfile::TempDir,
    certificate: (PathBuf, PathBuf),
    token: PathBuf,
}

impl Files {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let issued = Authority::new("blue")
            .and_then(|it| it.issue_pem(PeerId::new(1)))
            .expect("a certificate");
        let write = |name: &str, text: &str| {
            let path = root.path().join(name);
            std::fs::write(&path, text).expect("writes");
            path
        };
        Self {
            certificate: (write("c.pem", &issued.certificate), write("c.key", &issued.key)),
            token: write("token", "0123456789abcdef0123456789abcdef\n"),
            _root: root,
        }
    }

    fn config(&self, listen: [u8; 4], tls: bool, token: bool) -> AdminConfig {
        AdminConfig {
            listen: SocketAddr::from((listen, 0)),
            advertise: "https://node.example".to_owned(),
            token_file: token.then(|| self.token.clone()),
            certificate: tls.then(|| self.certificate.clone()),
        }
    }
}

const LOOPBACK: [u8; 4] = [127, 0, 0, 1];
const EVERYWHERE: [u8; 4] = [0, 0, 0, 0];

#[test]
fn off_loopback_it_takes_tls_and_a_token() {
    let files = Files::new();
    for (tls, token) in [(false, false), (true, false), (false, true), (true, true)] {
        let on_loopback = secured(&files.config(LOOPBACK, tls, token)).expect("loopback takes neither");
        assert_eq!((on_loopback.0.is_some(), on_loopback.1.is_some()), (tls, token));
        let elsewhere = secured(&files.config(EVERYWHERE, tls, token));
        match elsewhere {
            Ok(_) => assert!(tls && token),
            Err(error) => {
                let (told, missing) = (error.to_string(), if tls { "token_file" } else { "certificate" });
                assert!(
                    told.contains(missing) && told.contains("other machines"),
                    "{told}"
                );
            }
        }
    }
}

#[test]
fn files_that_make_no_sense_are_named() {
    let files = Files::new();
    let told = |config: &AdminConfig| secured(config).map(drop).expect_err("refused");
    let mut config = files.config(EVERYWHERE, true, true);
    config.token_file = Some(Path::new("/nowhere/token").to_owned());
    assert!(format!("{:#}", told(&config)).contains("/nowhere/token"));
    let mut config = files.config(EVERYWHERE, true, true);
    config.certificate = Some((files.token.clone(), files.certificate.1.clone()));
    assert!(format!("{:#}", told(&config)).contains("admin.certificate"));
}
