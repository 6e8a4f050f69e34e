//! The document tells the truth about itself.

use std::collections::BTreeSet;

use serde_json::Value;

use super::rig::Place;

/// Every reference in a document.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(target) if name == "$ref" => found.push(target.to_owned()),
                    _ => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_has_every_path_and_every_reference_leads_somewhere() {
    let place = Place::new();
    let node = place.start(1).await;
    let document = node.get("/openapi.json").await.expect(200);
    assert!(
        document["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1"))
    );
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 100);
    for target in found {
        let pointer = target.strip_prefix('#').expect("within the document");
        assert!(document.pointer(pointer).is_some(), "{target}");
    }
    for path in [
        "/v1/status",
        "/v1/nodes",
        "/v1/nodes/{id}/drain",
        "/v1/nodes/{id}/resume",
        "/v1/nodes/{id}/exclude",
        "/v1/nodes/{id}/disconnect",
        "/v1/tables",
        "/v1/tables/{name}",
        "/v1/tables/{name}/tablets",
        "/v1/tablets/{id}",
        "/v1/tablets/{id}/move",
        "/v1/tablets/{id}/cancel",
        "/v1/tablets/{id}/allow_fewer_sources",
        "/v1/moves",
        "/v1/moves/{tablet}/journal",
        "/v1/journal",
        "/v1/balancing",
        "/v1/sessions",
        "/v1/barriers",
        "/v1/throttle",
        "/v1/tables/{name}/rows",
        "/v1/tables/{name}/rows/{key}",
        "/v1/tables/{name}/verify",
        "/v1/cluster/init",
        "/metrics",
        "/healthz",
        "/readyz",
    ] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    let paths = document["paths"].as_object().expect("paths");
    assert_eq!(paths.contains_key("/v1/inject/{point}"), cfg!(feature = "inject"));
    let mut ids = BTreeSet::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("methods") {
            let responses = operation["responses"].as_object().expect("responses");
            assert!(
                responses.keys().any(|status| status.starts_with('2')),
                "{method} {path}"
            );
            assert!(responses.contains_key("503"), "{method} {path}");
            let in_body = |status: &str| responses[status]["content"].is_object();
            assert!(in_body("408") && !in_body("431"), "{method} {path}");
            assert!(operation["summary"].is_string(), "{method} {path}");
            let id = operation["operationId"].as_str().expect("an id");
            assert!(ids.insert(id.to_owned()), "{id} is not the only one");
        }
    }
    node.running.stop().await;
}
