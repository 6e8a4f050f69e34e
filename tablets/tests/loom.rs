//! The races of `it/fence_races.rs` under the model checker: every interleaving, and every value that the memory
//! orderings allow. Where that is too many, every interleaving with a bounded number of preemptions.
//!
//! ```sh
//! RUSTFLAGS="--cfg tidegate_loom" cargo test -p tidegate-tablets --release --test loom
//! ```
#![cfg(tidegate_loom)]

#[path = "it/fence_races.rs"]
mod fence_races;

fn model(preemptions_max: Option<usize>, race: fn()) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions_max;
    model.check(race);
}

macro_rules! models {
    ($($race:ident: $preemptions_max:expr),+ $(,)?) => {$(
        #[test]
        fn $race() {
            model($preemptions_max, fence_races::$race);
        }
    )+};
}

models!(
    admit_against_barrier: None,
    admit_against_publish_and_barrier: Some(3),
    admit_against_forget: None,
    two_barriers_against_the_last_leave: Some(2),
    last_leave_against_raise_leaves_no_gate: None,
    last_leave_against_forget_leaves_no_tablet: None,
    back_again_while_an_old_request_ends: Some(3),
    a_holder_hears_of_the_change: Some(3),
    a_holder_hears_of_the_barrier: Some(3),
    raise_against_publish: None,
);
