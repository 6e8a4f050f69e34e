//! The races of `it/scenarios.rs` under the model checker: every interleaving, and every value that the memory
//! orderings allow. Where that is too many (three threads, repeated waits), every interleaving with a bounded number
//! of preemptions.
//!
//! ```sh
//! RUSTFLAGS="--cfg tidegate_loom" cargo test -p tidegate-guard --release --test loom
//! ```
//!
//! What each part of the gate is for was tried by breaking it, one at a time. Then these models fail:
//!
//! | broken | fails |
//! | --- | --- |
//! | a wait does not look again after registering | all that wait but `two_enter_against_close` |
//! | `leave` is `Relaxed`, or `is_drained` is | `enter_against_close`, `close_against_last_leave`, `drained_*` |
//! | `holders` is `Relaxed` | `nobody_inside_against_last_leave` |
//! | `shut` is `Relaxed`, or `check` is | `closing_before_during_and_after_close` |
//! | the last leave does not wake | `drained_*`, `dropped_waiters`, `waiters_that_come_back`, `*enter_against_close` |
//! | a later poll does not replace the waker | `closing_moves_to_another_task` |
//! | a dropped wait takes others off the list | `dropped_waiters` |
#![cfg(tidegate_loom)]

#[path = "it/scenarios.rs"]
mod scenarios;

fn model(preemptions_max: Option<usize>, scenario: fn()) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions_max;
    model.check(scenario);
}

macro_rules! models {
    ($($scenario:ident: $preemptions_max:expr),+ $(,)?) => {$(
        #[test]
        fn $scenario() {
            model($preemptions_max, scenarios::$scenario);
        }
    )+};
}

models!(
    enter_against_close: None,
    two_enter_against_close: Some(2),
    close_against_last_leave: None,
    close_against_close: None,
    nobody_inside_against_last_leave: None,
    drained_against_last_leave: Some(2),
    drained_against_close_and_leave: Some(2),
    closing_before_during_and_after_close: None,
    closing_moves_to_another_task: None,
    dropped_waiters: Some(2),
    waiters_that_come_back: Some(3),
);
