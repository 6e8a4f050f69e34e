//! What a run takes for a violation besides the invariants.

use super::*;

async fn with_report(recorder: Recorder, ended: Result<(), String>) -> (RunReport, Result<(), String>) {
    (recorder.finish(), ended)
}

#[test]
fn a_panic_of_a_task_that_nobody_waits_for_is_a_violation() {
    let report = in_virtual_time(RecorderOptions::default(), "liveness", |recorder| async {
        tokio::spawn(async { panic!("as a task does") });
        tokio::task::yield_now().await;
        with_report(recorder, Ok(())).await
    });
    let violation = report.unwrap().violation.unwrap();
    assert_eq!(violation.invariant, "no_panic");
    assert!(
        violation.text.starts_with("as a task does, at "),
        "{}",
        violation.text
    );
}

#[test]
fn what_does_not_come_true_in_time_is_a_violation() {
    let stuck = || Err("nothing moves".to_owned());
    let report = in_virtual_time(RecorderOptions::default(), "liveness", |recorder| {
        with_report(recorder, stuck())
    });
    let violation = report.unwrap().violation.unwrap();
    assert_eq!(
        (violation.invariant, violation.text),
        ("liveness", stuck().unwrap_err())
    );
    let report = in_virtual_time(RecorderOptions::default(), "liveness", |recorder| {
        with_report(recorder, Ok(()))
    });
    assert_eq!(report.unwrap().violation, None);
}

#[test]
fn a_run_whose_time_stands_still_is_broken_off_and_named() {
    let max = Duration::from_millis(50);
    let report = in_virtual_time_within(max, RecorderOptions::default(), "liveness", |recorder| async {
        tokio::spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        });
        std::future::pending::<()>().await;
        with_report(recorder, Ok(())).await
    });
    let violation = report.unwrap().violation.unwrap();
    assert_eq!((violation.invariant, violation.at), ("no_end", Duration::ZERO));
}

#[test]
fn a_run_tells_of_what_is_asked_and_of_what_is_answered() {
    let options = RunOptions {
        trace: true,
        faults: BTreeSet::new(),
        ..RunOptions::default()
    };
    let trace = run(0, &options).unwrap().trace.join("\n");
    for told in [" is asked for a barrier of ", " answers barrier of "] {
        assert!(trace.contains(told), "no line has {told:?}");
    }
}
