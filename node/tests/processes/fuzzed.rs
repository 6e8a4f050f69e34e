//! The admin API, asked what its own document makes up.

use std::process::Command;

use serde_json::json;

use super::rig::{Cluster, Member};
use super::seed::loud;

/// Where `cargo xtask fuzz-api` has put schemathesis: the directory that python finds it in.
const VARIABLE: &str = "TIDEGATE_SCHEMATHESIS";
/// What is no server's fault: it is documented, and says so of itself. And where a made-up name or number would never
/// get further than "no such thing": a comparison, of a table that is small, and tablets that there are.
const CONFIG: &str = r#"
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "503", "504"]

[[operations]]
include-path = "/v1/tables/{name}/verify"
parameters = { "path.name" = "rows" }

[[operations]]
include-path-regex = "^/v1/tablets/.id./"
parameters = { "path.id" = 1 }
"#;
/// Requests made up for an operation, beside those that its document names.
const EXAMPLES: &str = "10";
/// Points that hold everything up, and exclusions: what is left would prove nothing.
const NOT_ASKED: &str = "^/v1/inject|/exclude$";

#[test]
fn no_request_is_too_much_for_the_admin_api() {
    let Ok(tool) = std::env::var(VARIABLE) else {
        loud("SKIPPED: the admin API is not fuzzed; `cargo xtask fuzz-api` does");
        return;
    };
    let cluster = Cluster::started(3, 2);
    let config = cluster.root().join("schemathesis.toml");
    std::fs::write(&config, CONFIG).expect("writes");
    let admin = cluster.any(&[]).admin();
    let mut fuzz = Command::new("python3");
    fuzz.env("PYTHONPATH", &tool).current_dir(cluster.root());
    fuzz.args(["-m", "schemathesis.cli", "--config-file"])
        .arg(&config);
    fuzz.args(["run", &format!("{admin}/openapi.json"), "--url", &admin]);
    fuzz.args([
        "--checks",
        "not_a_server_error",
        "--max-examples",
        EXAMPLES,
        "--request-timeout",
        "40",
    ]);
    fuzz.args([
        "--exclude-path-regex",
        NOT_ASKED,
        "--no-color",
        "--phases",
        "coverage,fuzzing",
    ]);
    let ended = fuzz.output().expect("python3 runs");
    let told = String::from_utf8_lossy(&ended.stdout);
    println!("{told}");
    assert!(
        ended.status.success(),
        "{told}\n{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    // What says of itself that it cannot be answered now is no fault: but not for ever.
    cluster.running().for_each(Member::until_ready);
    cluster.balancing(false);
    for member in cluster.running() {
        // Made-up requests drain nodes too.
        cluster.insist("POST", &format!("/v1/nodes/{}/resume", member.number), &json!({}));
    }
    // The table there was may have been dropped: its name is among what the API tells.
    let table = json!({ "name": "made_afterwards", "tablets": 1, "replicas": 2 });
    let made = cluster.insist("POST", "/v1/tables", &table);
    cluster.moved(made["tablets"][0].as_u64().expect("a number"));
}
