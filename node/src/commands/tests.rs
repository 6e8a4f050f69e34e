//! What is said of given answers, and which arguments make sense.

use clap::{CommandFactory as _, Parser as _};
use serde_json::{Value, json};

use super::output::Shown;
use super::*;
use crate::api;

fn read<T: serde::de::DeserializeOwned>(answer: Value) -> T {
    serde_json::from_value(answer).expect("an answer of the API")
}

/// The text, without what pads the lines of a table.
fn text<T: serde::de::DeserializeOwned + Shown>(answer: Value) -> String {
    let shown: T = read(answer.clone());
    let again = serde_json::to_value(&shown).expect("json");
    assert_eq!(again, answer, "programs get what the API said");
    shown.text()
}

fn node(id: u64, role: &str) -> Value {
    json!({
        "id": id, "address": {"transport": format!("127.0.0.1:740{id}"), "admin": format!("http://127.0.0.1:748{id}")},
        "rack": null, "excluded": false, "draining": false, "voter": true, "reachable": true, "error": null,
        "software": "0.1.0", "uptime_seconds": 75, "replicas": 8, "bytes": 3_145_728,
        "raft": {"role": role, "leader": 1, "term": 2, "last": 9, "applied": 9, "version": 7},
    })
}

fn status(findings: &Value, nodes: &[Value]) -> Value {
    json!({
        "cluster": "local", "node": 1, "incarnation": 3, "founded": true, "healthy": findings == &json!([]), "findings": findings,
        "leader": 1, "term": 2, "version": 7, "balancing": true, "tables": 1, "tablets": 8, "transitions": 0,
        "nodes": nodes, "silent": [],
    })
}

#[test]
fn a_healthy_status() {
    let text = text::<api::Status>(status(&json!([]), &[node(1, "leader"), node(2, "follower")]));
    assert_eq!(
        text,
        "\
cluster local: healthy, as node 1 sees it
leader node 1, term 2, version 7; 1 table, 8 tablets, 0 in transition; balancing on
┌───────────────────────────────────────────────────────────────────────────────────────────────────────────┐
│ node   state   metadata   replicas     bytes   rack   transport        admin                   up         │
╞═══════════════════════════════════════════════════════════════════════════════════════════════════════════╡
│    1   up      leader            8   3.0 MiB   -      127.0.0.1:7401   http://127.0.0.1:7481   1 min 15 s │
│    2   up      follower          8   3.0 MiB   -      127.0.0.1:7402   http://127.0.0.1:7482   1 min 15 s │
└───────────────────────────────────────────────────────────────────────────────────────────────────────────┘"
    );
}

#[test]
fn a_status_says_what_is_wrong_and_what_to_do() {
    let findings =
        json!([{"severity": "critical", "what": "node 2 does not answer", "do": "start it, or exclude it"}]);
    let mut down = node(2, "follower");
    down["reachable"] = json!(false);
    down["raft"] = json!(null);
    let text = text::<api::Status>(status(&findings, &[node(1, "leader"), down]));
    assert!(
        text.starts_with(
            "cluster local: NOT healthy, as node 1 sees it\nCRITICAL: node 2 does not answer\n  do: start it, or exclude it\n"
        ),
        "{text}"
    );
    assert!(text.contains("│    2   NO ANSWER   voter "), "{text}");
}

#[test]
fn tables_and_tablets() {
    let tables = json!({"tables": [{"id": 1, "name": "files", "tablets": 8, "replicas": 3, "transitions": 1, "rows": null, "bytes": 2048}]});
    assert_eq!(
        text::<api::Tables>(tables),
        "\
┌───────────────────────────────────────────────────────────────┐
│ table   number   tablets   replicas   moving   rows     bytes │
╞═══════════════════════════════════════════════════════════════╡
│ files        1         8          3        1      -   2.0 KiB │
└───────────────────────────────────────────────────────────────┘"
    );
    assert_eq!(
        text::<api::Tables>(json!({"tables": []})),
        "no tables: `tidegate tables create NAME` makes one"
    );
    let tablet = json!({
        "id": 7, "table": 1, "table_name": "files", "first_token": "0000000000000000",
        "last_token": "1fffffffffffffff", "replicas": [1, 2, 3], "epoch": 4, "rows": 10, "bytes": 100,
        "transition": transition(),
    });
    let text = text::<api::Tablets>(json!({"tablets": [tablet]}));
    assert!(
        text.contains("│      7   1, 2, 3        4     10   100 B   "),
        "{text}"
    );
    assert!(text.contains("1 -> 4 at streaming"), "{text}");
}

fn transition() -> Value {
    json!({
        "kind": "migration", "reason": "operator", "stage": "streaming", "begun": 2, "old": [1, 2, 3],
        "new": [2, 3, 4], "leaving": 1, "pending": 4, "session": "0-1", "fewer_sources": false,
    })
}

pub(super) fn moves(bytes: u64, stage: &str) -> Value {
    let mut transition = transition();
    transition["stage"] = json!(stage);
    json!({"moves": [{
        "tablet": 7, "table": "files", "transition": transition, "stage_ms": 1500, "age_ms": 2000,
        "progress": {
            "streams": 1, "rows": 10, "bytes": bytes, "rows_total": 100, "bytes_total": 1_048_576,
            "bytes_per_second": 1024, "eta_seconds": 63, "idle_ms": 3, "attached": false,
        },
        "waiting_for": [{"what": "operation", "node": 4, "operation": "stream"}], "attempts": 1,
        "last_error": "the connection was lost", "gave_up": false,
    }], "silent": [{"node": 3, "why": "timed out"}]})
}

#[test]
fn moves_say_what_they_wait_for() {
    let text = text::<api::Moves>(moves(524_288, "streaming"));
    for said in [
        "│      7   files   1 -> 4   operator   streaming   1.5 s   512.0 KiB   1.0 MiB   1.0 KiB/s   1 min 3 s   stream on node 4 ",
        "1 try failed",
        "before: the connection was lost",
        "\nno answer from node 3: timed out",
    ] {
        assert!(text.contains(said), "{said}\nin\n{text}");
    }
    let mut stands = moves(524_288, "streaming");
    stands["moves"][0]["progress"]["idle_ms"] = json!(1500);
    let text = self::text::<api::Moves>(stands);
    assert!(text.contains("last: the connection was lost"), "{text}");
}

#[test]
fn who_bounds_streams_is_told_apart() {
    let node = json!({"node": 1, "send_bytes_per_second": 1 << 20, "receive_bytes_per_second": null, "sends": 8, "receives": 8});
    let mut throttle = json!({"coordinator_sends": 2, "coordinator_receives": 4, "sends": 2, "receives": null, "nodes": [node], "silent": []});
    let said = "the coordinator has each node send at most 2 streams at once (by the metadata) and receive at most 4 (its default)";
    let told = text::<api::Throttle>(throttle.clone());
    assert!(told.contains(said), "{told}");
    assert!(told.contains("own bound: sent at once"), "{told}");
    throttle["sends"] = Value::Null;
    let told = text::<api::Throttle>(throttle);
    assert!(told.contains("2 streams at once (its default)"), "{told}");
}

#[test]
fn a_failure_is_told_to_people_and_to_programs() {
    let failure = Failure::arguments("no table is named", "--table files");
    let told = failure.told(false);
    assert_eq!(told, "error: no table is named\n  try: --table files");
    let told: Value = serde_json::from_str(&failure.told(true)).expect("json");
    let expected = json!({"error": "no table is named", "try": "--table files", "exit": 2, "problem": null});
    assert_eq!(told, expected);
    for (line, json) in [
        ("throttle set --send none --json", true),
        ("throttle --json set --send none", true),
        ("status --json", true),
        ("status", false),
        ("throttle set --send none", false),
    ] {
        let words = std::iter::once("tidegate").chain(line.split(' '));
        assert_eq!(
            wants_json(&Cli::command().get_matches_from(words)),
            json,
            "{line}"
        );
    }
}

#[test]
fn who_holds_a_session_and_a_barrier_is_named() {
    let holder =
        json!({"label": "stream.receive tablet 7", "step": "batch 3", "age_ms": 4000, "idle_ms": 20});
    let session = json!({"session": "0-1", "tablet": 7, "node": 4, "phase": "closing", "stage": null,
        "holders": [holder], "more_holders": 2});
    let said = "stream.receive tablet 7 (batch 3), for 4.0 s, no progress for 20 ms";
    let sessions = text::<api::Sessions>(json!({"sessions": [session], "silent": []}));
    assert!(
        sessions.contains(said) && sessions.contains("and 2 more"),
        "{sessions}"
    );
    let waits = json!([{"node": 4, "reachable": true, "held_by": [holder]}, {"node": 2, "reachable": false, "held_by": []}]);
    let barrier = json!({"tablet": 7, "stage": "write_both_read_new", "epoch": 5, "age_ms": 70, "waits": waits,
        "attempts": 0, "last_error": null});
    let barriers =
        text::<api::Barriers>(json!({"barriers": [barrier], "leader_answered": false, "silent": []}));
    assert!(barriers.contains(&format!("node 4: {said}")), "{barriers}");
    assert!(barriers.contains("node 2: NO ANSWER"), "{barriers}");
    assert!(barriers.ends_with("the leader did not answer: barriers may run that are not here"));
}

#[test]
fn a_journal_reads_as_a_story() {
    let entries = json!([
        {"at_ms": 0, "tablet": 7, "begun": 2, "event": "began", "kind": "migration", "reason": "drain", "leaving": 1, "pending": 4},
        {"at_ms": 5, "tablet": 7, "begun": 2, "event": "goes_back", "why": "node 4 was excluded"},
        {"at_ms": 90, "tablet": 7, "begun": 2, "event": "ended", "outcome": "went_back", "took_ms": 90},
    ]);
    let journal = json!({"node": 1, "since_ms": 0, "moves": [], "entries": entries, "silent": []});
    assert_eq!(
        text::<api::Journal>(journal),
        "\
1970-01-01 00:00:00.000 tablet 7 (2): migration 1 -> 4 begins (drain)
1970-01-01 00:00:00.005 tablet 7 (2): goes back: node 4 was excluded
1970-01-01 00:00:00.090 tablet 7 (2): went back after 90 ms"
    );
}

#[test]
fn a_verdict_names_what_differs() {
    // One key, of which two replicas lack the newest row.
    let named = |node| {
        json!({"tablet": 7, "key": "aGk=", "node": node, "what": "missing", "newest_time": 9,
            "newest_is_tombstone": false, "newest_on": 1, "below_quorum": true})
    };
    let report = json!({
        "same": false, "rows": 10, "tombstones": 1, "differences": 2, "below_quorum": 1, "unfinished": 0, "silent": [],
        "notes": ["what it means, before what may be a long list"],
        "named": [named(2), named(3)],
        "tablets": [{"tablet": 7, "replicas": [], "differences": 2, "settled": 0, "unfinished": null}],
    });
    assert_eq!(
        text::<api::VerifyReport>(report),
        "\
replicas differ in 2 keys, 0 tablets not compared to the end: 10 rows in 1 tablet
what it means, before what may be a long list
tablet 7 key hi: node 2 has no row; the newest, of time 9, is on node 1, BELOW QUORUM
tablet 7 key hi: node 3 has no row; the newest, of time 9, is on node 1, BELOW QUORUM
and 1 key more"
    );
}

#[test]
fn a_dry_run_says_so() {
    let answer = json!({
        "tablet": 7, "from": 1, "to": 4, "kind": "migration", "dry_run": true, "begun": null,
        "stages": ["streaming", "cleanup"], "carries": {"rows": 10, "bytes": 2048}, "seconds_at_least": 2,
        "notes": ["node 4 is in another rack"],
    });
    assert_eq!(
        text::<api::MoveAnswer>(answer),
        "\
migration of tablet 7: 1 -> 4 would begin (dry run)
  carries about 10 rows, 2.0 KiB, 2 s at least
  stages: streaming, cleanup
  node 4 is in another rack"
    );
}

#[test]
fn the_commands_are_sound_and_each_says_what_it_does() {
    let cli = Cli::command();
    cli.clone().debug_assert();
    for command in cli.get_subcommands() {
        let name = command.get_name();
        assert!(command.get_about().is_some(), "{name} says nothing");
        if !["demo", "serve", "certs"].contains(&name) {
            let more = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(more.contains("Example"), "{name} has no example");
        }
    }
}

#[test]
fn arguments_that_make_sense_are_taken_and_others_refused() {
    for line in [
        "status --admin http://n1:1 --json",
        "tables",
        "tables list --json",
        "tables create t --tablets 2 --replicas 1 --admin http://n1:1",
        "move 7 --to 4 --dry-run",
        "moves --watch",
        "throttle",
        "throttle set --send 20MiB --receive none",
        "put t k v",
        "put t k --file -",
        "balancing off",
        "journal 7",
        "load -t t -i -",
        "init --node 1=a:1,http://a:2 --node 2=b:1,http://b:2",
        "init --config n1.toml n2.toml",
        "join --config n4.toml --via http://a:2",
        "completions zsh",
    ] {
        let words = std::iter::once("tidegate").chain(line.split(' '));
        Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    for line in [
        "move 7 --from 1",
        "move 7 --to 4 --dry-run --wait",
        "throttle set",
        "throttle set --sends 2 --node 3",
        "put t k",
        "put t k v --file f",
        "init",
        "init --node 1",
        "join --via http://a:2",
        "exclude",
        "verify t --seconds 0",
        "status --timeout 0",
    ] {
        let words = std::iter::once("tidegate").chain(line.split(' '));
        assert!(Cli::try_parse_from(words).is_err(), "{line}");
    }
}

/// The commands of `tidegate` in the code of a page: in blocks, and between two ticks.
fn commands_of(page: &str) -> Vec<String> {
    let mut code = Vec::new();
    for (at, part) in page.split("```").enumerate() {
        if at % 2 == 1 {
            let lines = part.split(['\n', ';']).flat_map(|line| line.split(" && "));
            code.extend(lines.map(str::to_owned));
        } else {
            let ticked = part.split('`').skip(1).step_by(2);
            code.extend(ticked.map(|code| code.replace('\n', " ")));
        }
    }
    let command = |code: String| {
        let code = code
            .trim()
            .trim_start_matches("for n in 1 2 3 4")
            .trim_start_matches("do ");
        // What the shell takes for itself.
        let ends = [" #", " | ", " 2> ", " &"];
        let end = ends.iter().filter_map(|end| code.find(end)).min();
        let code = code[..end.unwrap_or(code.len())].to_owned();
        let words = code.strip_prefix("tidegate ")?;
        // Words of the page, not of a command.
        (!words.starts_with("--")).then(|| words.trim().to_owned())
    };
    code.into_iter().filter_map(command).collect()
}

#[test]
fn every_command_of_the_pages_is_one() {
    let pages = [
        include_str!("../../../README.md"),
        include_str!("../../../docs/OPERATING.md"),
    ];
    let mut looked_at = 0;
    for command in pages.into_iter().flat_map(commands_of) {
        // Values that a page leaves to whoever reads it.
        let line = command
            .replace("$n", "1")
            .replace("<the node that has them>", "http://n1:1")
            .replace("--node N", "--node 1");
        let words = std::iter::once("tidegate").chain(line.split_whitespace());
        if let Err(error) = Cli::try_parse_from(words) {
            use clap::error::ErrorKind;
            // Named without what it needs, such as `tidegate join`.
            let is_name = line.split_whitespace().count() == 1
                && error.kind() == ErrorKind::MissingRequiredArgument
                || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
            assert!(is_name, "`tidegate {command}`: {error}");
        }
        looked_at += 1;
    }
    assert!(looked_at > 50, "only {looked_at} commands were found");
}
