//! What it counts, under the names that operators know.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics::{Key, with_local_recorder};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tidegate_guard::{Label, Thaw};
use tidegate_session::Sessions;
use tokio::time::advance;

use crate::{frozen, id, ids, registry, thaw};

/// The values by name and reason since the last snapshot; of a histogram, what was recorded.
fn values(snapshotter: &Snapshotter) -> BTreeMap<String, Vec<f64>> {
    let named = |key: &Key| {
        let reason = key
            .labels()
            .next()
            .map_or_else(String::new, |label| format!(" {}", label.value()));
        format!("{}{reason}", key.name().trim_start_matches("tidegate_"))
    };
    let snapshot = snapshotter.snapshot().into_vec();
    let number = |value| match value {
        DebugValue::Counter(count) => vec![f64::from(u32::try_from(count).expect("few"))],
        DebugValue::Gauge(level) => vec![level.into_inner()],
        DebugValue::Histogram(seconds) => seconds.into_iter().map(f64::from).collect(),
    };
    snapshot
        .into_iter()
        .map(|(key, _unit, _text, value)| (named(key.key()), number(value)))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn sessions_guards_drains_and_rejections_are_counted() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let sessions = with_local_recorder(&recorder, registry);
    sessions.reconcile(&ids([1, 2, 3]));
    let mut early = frozen(9);
    early.epoch += 1;
    assert!(
        sessions
            .thaw(&early, early.epoch - 1, Label::new("early"))
            .is_err()
    );
    let guard = thaw(&*sessions, 1, "holder").unwrap();
    sessions.apply(&[id(1), id(2)], &[]);
    assert!(thaw(&*sessions, 1, "closing").is_err());
    assert!(thaw(&*sessions, 2, "closed").is_err());

    let now = values(&snapshotter);
    let of = |name: &str| now[name].clone();
    assert_eq!(of("sessions_opened_total"), [3.0]);
    assert_eq!(of("sessions_closed_total"), [1.0], "the one that nobody held");
    assert_eq!(
        (of("sessions_open"), of("sessions_closing")),
        (vec![1.0], vec![1.0])
    );
    assert_eq!(of("guards_held"), [1.0]);
    for reason in ["not_yet_open", "closing", "closed"] {
        assert_eq!(of(&format!("thaw_rejected_total {reason}")), [1.0], "{reason}");
    }
    assert_eq!(of("session_drain_seconds"), [0.0]);

    // The recorder starts at zero after each snapshot: what follows are changes.
    advance(Duration::from_secs(3)).await;
    drop(guard);
    let now = values(&snapshotter);
    let of = |name: &str| now[name].clone();
    assert_eq!(
        (of("sessions_closed_total"), of("guards_held")),
        (vec![1.0], vec![-1.0])
    );
    assert_eq!(
        (of("sessions_open"), of("sessions_closing")),
        (vec![0.0], vec![-1.0])
    );
    assert_eq!(
        of("session_drain_seconds"),
        [3.0],
        "from the begin of closing to the last holder's leave"
    );

    drop(sessions);
    assert_eq!(
        values(&snapshotter)["sessions_open"],
        [-1.0],
        "what is gone with its registry is not open"
    );
}
