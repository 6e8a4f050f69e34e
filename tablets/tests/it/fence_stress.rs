//! The races of `fence_races.rs` on plain threads, many times over: real hardware, real scheduler.

use crate::fence_races;

const ROUNDS: usize = 1_000;

macro_rules! stress {
    ($($race:ident),+ $(,)?) => {$(
        #[test]
        fn $race() {
            (0..ROUNDS).for_each(|_round| fence_races::$race());
        }
    )+};
}

stress!(
    admit_against_barrier,
    admit_against_publish_and_barrier,
    admit_against_forget,
    two_barriers_against_the_last_leave,
    last_leave_against_raise_leaves_no_gate,
    last_leave_against_forget_leaves_no_tablet,
    back_again_while_an_old_request_ends,
    a_holder_hears_of_the_change,
    a_holder_hears_of_the_barrier,
    raise_against_publish,
);
