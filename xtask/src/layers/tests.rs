//! The layers hold, and a breach of them is found.

use super::*;
use crate::workspace::{self, Dependency};

fn member(folder: &str, dependencies: Vec<Dependency>) -> Member {
    Member {
        package: format!("tidegate-{folder}"),
        version: "0.1.0".to_owned(),
        folder: folder.to_owned(),
        is_library: true,
        is_published: true,
        features: BTreeSet::new(),
        dependencies,
    }
}

fn on(package: &str) -> Dependency {
    Dependency {
        package: package.to_owned(),
        is_dev: false,
        is_ours: package.starts_with("tidegate"),
        features: Vec::new(),
    }
}

fn table() -> BTreeMap<String, May> {
    parse(
        "# Page\n\n## Map of the code\n\n| crate | holds | may use |\n| --- | --- | --- |\n\
         | `guard` | gates | – |\n| `session` | a registry | guard |\n| `node` | all of it | all |\n\n## More\n\n| `x` | | |\n",
    )
}

#[test]
fn the_layers_of_this_workspace_hold() {
    let context = Context::new(workspace::root().unwrap()).unwrap();
    run(&context).unwrap();
}

#[test]
fn the_table_is_read() {
    let table = table();
    assert_eq!(table.len(), 3);
    assert_eq!(table["guard"], May::Use(BTreeSet::new()));
    assert_eq!(table["session"], May::Use(BTreeSet::from(["guard".to_owned()])));
    assert_eq!(table["node"], May::UseAll);
}

#[test]
fn a_breach_is_found() {
    let sound = vec![
        member("guard", vec![on("uuid")]),
        member("session", vec![on("tidegate-guard")]),
        member("node", vec![on("tidegate-session"), on("anyhow")]),
    ];
    assert_eq!(faults(&table(), &sound), Vec::<String>::new());

    let found = |members: Vec<Member>| {
        let mut all: BTreeMap<String, Member> = ["guard", "session", "node"]
            .iter()
            .map(|name| ((*name).to_owned(), member(name, vec![])))
            .collect();
        all.extend(members.into_iter().map(|member| (member.folder.clone(), member)));
        faults(&table(), &all.into_values().collect::<Vec<_>>())
    };
    assert_eq!(
        found(vec![member("guard", vec![on("tidegate-session")])]),
        ["guard: may not use session"]
    );
    assert_eq!(
        found(vec![member("session", vec![on("tidegate-node")])]),
        ["session: may not use node"]
    );
    assert_eq!(
        found(vec![member("session", vec![on("quinn")])]),
        ["session: only transport-quic, bench may name quinn"]
    );
    assert_eq!(
        found(vec![member("kv", vec![])]),
        ["kv: no row in ARCHITECTURE.md"]
    );
    let injecting = Dependency {
        features: vec!["injection".to_owned()],
        ..on("tidegate-guard")
    };
    assert_eq!(
        found(vec![member("session", vec![injecting])]),
        ["session: turns on the injection of guard for everyone"]
    );
    let in_tests = Dependency {
        is_dev: true,
        ..on("tidegate-session")
    };
    assert_eq!(found(vec![member("guard", vec![in_tests])]), Vec::<String>::new());
}
