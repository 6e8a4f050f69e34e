//! The races of `scenarios.rs` on plain threads, many times over: real hardware, real scheduler.

use crate::scenarios;

const ROUNDS: usize = 2_000;

macro_rules! stress {
    ($($scenario:ident),+ $(,)?) => {$(
        #[test]
        fn $scenario() {
            (0..ROUNDS).for_each(|_round| scenarios::$scenario());
        }
    )+};
}

stress!(
    enter_against_close,
    two_enter_against_close,
    close_against_last_leave,
    close_against_close,
    nobody_inside_against_last_leave,
    drained_against_last_leave,
    drained_against_close_and_leave,
    closing_before_during_and_after_close,
    closing_moves_to_another_task,
    dropped_waiters,
    waiters_that_come_back,
);
