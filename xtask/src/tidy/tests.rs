//! Each rule finds what breaks it, and leaves the rest alone.

use super::*;

fn file(path: &str, text: &str) -> File {
    File {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

fn rules(faults: &[Fault]) -> Vec<(usize, &str)> {
    faults
        .iter()
        .map(|fault| (fault.line, fault.rule.as_str()))
        .collect()
}

#[test]
fn a_sound_file_has_no_faults() {
    let text = "//! What it is.\n\n/// Does it.\npub fn does() {\n    it();\n}\n";
    assert_eq!(sources::faults(&file("guard/src/gate.rs", text)), []);
}

#[test]
fn long_files_and_functions_are_found() {
    let long = format!("//! Doc.\n{}", "// line\n".repeat(400));
    assert_eq!(
        rules(&sources::faults(&file("a/src/b.rs", &long))),
        [(0, "401 lines: split by idea at 400")]
    );

    let body = "        it();\n".repeat(69);
    let method = format!("//! Doc.\nimpl A {{\n    pub(crate) async fn long(&self) {{\n{body}    }}\n}}\n");
    assert_eq!(
        rules(&sources::faults(&file("a/src/b.rs", &method))),
        [(3, "a function of 71 lines ends at 70")]
    );
    let declared = format!(
        "//! Doc.\ntrait A {{\n    fn short(&self);\n    fn other(\n        &self,\n    ) -> u8;\n{body}    }}\n"
    );
    assert_eq!(sources::faults(&file("a/src/b.rs", &declared)), []);
}

#[test]
fn names_and_words_are_found() {
    let faults = |path: &str, text: &str| sources::faults(&file(path, text)).len();
    assert_eq!(faults("a/src/mod.rs", "//! Doc.\n"), 1);
    assert_eq!(faults("a/src/util.rs", "//! Doc.\n"), 1);
    assert_eq!(faults("a/tests/extra.rs", "//! Doc.\n"), 1);
    assert_eq!(faults("a/tests/it/extra.rs", "//! Doc.\n"), 0);
    assert_eq!(faults("a/tests/loom.rs", "//! Doc.\n"), 0);
    assert_eq!(faults("a/src/b.rs", "use std::fmt;\n"), 1);
    assert_eq!(faults("a/src/b.rs", concat!("//! Doc.\n// TO", "DO later\n")), 1);
    assert_eq!(faults("a/src/b.rs", concat!("//! Doc.\nfn ge", "t_it() {}\n")), 1);
}

#[test]
fn a_test_does_not_sleep() {
    let slept = concat!(
        "//! Doc.\nasync fn f() {\n    tokio::time::sle",
        "ep(D).await;\n}\n"
    );
    assert_eq!(sources::faults(&file("a/src/b.rs", slept)), []);
    assert_eq!(sources::faults(&file("a/tests/it/b.rs", slept)).len(), 1);
    let paused = format!("{slept}// start_paused = true\n");
    assert_eq!(sources::faults(&file("a/tests/it/b.rs", &paused)), []);
    let blocking = concat!(
        "//! Doc.\n// start_paused = true\nfn f() {\n    thread::sle",
        "ep(D);\n}\n"
    );
    assert_eq!(sources::faults(&file("a/tests/it/b.rs", blocking)).len(), 1);
}

#[test]
fn what_belongs_to_one_machine_is_found() {
    let faults = |text: &str| pages::anywhere(&file("a/README.md", text)).len();
    assert_eq!(faults(concat!("see /ho", "me/someone/file\n")), 1);
    assert_eq!(faults(concat!("\"/ro", "ot/file\"\n")), 1);
    assert_eq!(faults(concat!("https://example.com/ho", "me/\n")), 0);
    assert_eq!(pages::anywhere(&file("NOTES.md", "")).len(), 1);
    let lock = file("Cargo.lock", "source = \"git+https://example.com\"\n");
    assert_eq!(pages::anywhere(&lock).len(), 1);
}

#[test]
fn manifests_keep_their_rules() {
    let sound = "[lints]\nworkspace = true\n\n[features]\ndefault = []\n# Says why.\nmore = []\n\n\
                 [dependencies]\nbytes = { workspace = true }\n";
    assert_eq!(
        manifests::faults(&file("a/Cargo.toml", &format!("[package]\n\n{sound}"))),
        []
    );
    let unsound = "\n[lints]\nworkspace = true\n\n[features]\ndefault = [\"more\"]\nmore = []\n\n\
                   [dependencies]\nbytes = \"1\"\n";
    assert_eq!(
        rules(&manifests::faults(&file("a/Cargo.toml", unsound))),
        [
            (6, "nothing is on by default"),
            (7, "a feature has a comment that says what it is for"),
            (10, "every external crate stands once, in the root Cargo.toml"),
        ]
    );
    let root = "[workspace.dependencies]\ntidegate-guard = { path = \"guard\" }\nbytes = \"1\"\n";
    assert_eq!(
        rules(&manifests::faults(&file("Cargo.toml", root))),
        [(3, "external crates come without their default features")]
    );
}

#[test]
fn what_nobody_uses_is_found() {
    let files = [
        file(
            "Cargo.toml",
            "[workspace.dependencies]\nbytes = { }\nasync-trait = { }\nuuid = { }\n",
        ),
        file(
            "a/Cargo.toml",
            "[dependencies]\nbytes = { }\n\n[dev-dependencies]\nasync-trait = { }\n",
        ),
        file("a/src/lib.rs", "//! Doc.\nuse async_trait::async_trait;\n"),
        file("b/src/lib.rs", "//! Doc.\nuse bytes::Bytes;\n"),
    ];
    assert_eq!(
        rules(&manifests::unused(&files)),
        [(2, "no code here names bytes"), (4, "no crate uses uuid")]
    );
}

#[test]
fn what_has_no_order_of_its_own_is_found_where_it_is_simulated() {
    let faults = |path: &str, text: &str| order::faults(&file(path, text)).len();
    let drawn = "tokio::select! {\n    a = b => c,\n}\n";
    let biased = "tokio::select! {\n    // Why.\n    biased;\n    a = b => c,\n}\n";
    assert_eq!(faults("kv/src/a.rs", drawn), 1);
    assert_eq!(faults("kv/src/a.rs", biased), 0);
    assert_eq!(faults("kv/src/a.rs", "// select! {\n"), 0);
    assert_eq!(faults("kv/tests/it/a.rs", drawn), 0);
    assert_eq!(faults("node/src/a.rs", drawn), 0);
    assert_eq!(
        faults("replica/src/a.rs", "use std::collections::{BTreeMap, HashMap};\n"),
        1
    );
    assert_eq!(faults("replica/src/a.rs", "let a = watch::channel(0);\n"), 1);
    assert_eq!(faults("kv/src/clock.rs", "SystemTime::now()\n"), 0);
    assert_eq!(faults("kv/src/client.rs", "SystemTime::now()\n"), 1);
}
