//! The form of requests and answers.

use serde_json::{Value, json};

use super::*;

#[test]
fn a_limit_that_is_null_is_another_than_one_that_is_left_out() {
    let read = |body: Value| serde_json::from_value::<SetThrottle>(body).expect("a request");
    let asked = read(json!({"send_bytes_per_second": null, "sends": 3}));
    assert_eq!(asked.send_bytes_per_second, Some(None));
    assert_eq!(asked.sends, Some(Some(3)));
    assert_eq!(asked.receives, None);
    for body in [
        json!({}),
        json!({"sends": null}),
        json!({"receives": 1, "node": 4}),
    ] {
        assert_eq!(serde_json::to_value(read(body.clone())).expect("json"), body);
    }
}

#[test]
fn requests_with_unknown_fields_are_refused() {
    let body = json!({"from": 1, "to": 2, "dryrun": true});
    assert!(serde_json::from_value::<MoveRequest>(body).is_err());
    assert!(serde_json::from_value::<CancelRequest>(json!({})).is_ok());
}

#[test]
fn a_list_of_fields_is_no_object() {
    let request = |body| serde_json::from_value::<Object<CancelRequest>>(body).is_ok();
    assert!(request(json!({"begun": 5})));
    assert!(!request(json!([5, true])) && !request(json!([])));
    let rows = |body| serde_json::from_value::<LoadRows>(body).is_ok();
    assert!(rows(json!({"rows": [{"key": "a2V5"}]})));
    assert!(!rows(json!({"rows": [["a2V5", null]]})));
}

#[test]
fn names_are_those_of_the_metadata() {
    for stage in tidegate_tablets::Stage::ALL {
        assert_eq!(Stage::from(stage).name(), stage.name());
        assert_eq!(
            serde_json::to_value(Stage::from(stage)).expect("json"),
            json!(stage.name())
        );
    }
    for reason in tidegate_tablets::Reason::ALL {
        assert_eq!(
            serde_json::to_value(Reason::from(reason)).expect("json"),
            json!(reason.name())
        );
    }
}

#[test]
fn a_journal_line_is_flat() {
    let entry = JournalEntry {
        at_ms: 5,
        tablet: 1,
        begun: 2,
        what: JournalEvent::Stage {
            stage: Stage::Streaming,
        },
    };
    let written = serde_json::to_value(&entry).expect("json");
    assert_eq!(
        written,
        json!({"at_ms": 5, "tablet": 1, "begun": 2, "event": "stage", "stage": "streaming"})
    );
    assert_eq!(
        serde_json::from_value::<JournalEntry>(written).expect("an entry"),
        entry
    );
}

#[test]
fn a_problem_names_its_type_as_the_rfc_has_it() {
    let problem = Problem {
        kind: problem_type::IN_TRANSITION.to_owned(),
        title: "In transition".to_owned(),
        status: 409,
        detail: "wait".to_owned(),
    };
    let written = serde_json::to_value(&problem).expect("json");
    assert_eq!(written["type"], "/problems/in-transition");
    assert_eq!(
        serde_json::from_value::<Problem>(written).expect("a problem"),
        problem
    );
}
