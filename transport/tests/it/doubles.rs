//! Every flaw is found by the case that is there for it, whichever end sends; without a flaw every case passes.
//!
//! Under paused time, so that what a flaw keeps from happening is given up at once.

use tidegate_transport::conformance::{CASES, Case, Way, run};

use crate::flawed::{Flaw, pair};

fn case(name: &str) -> Case {
    *CASES.iter().find(|case| case.name == name).unwrap()
}

async fn find(flaw: Flaw, name: &str) {
    for way in Way::ALL {
        let verdict = run(case(name), way, move |wish| async move { pair(flaw, wish) }).await;
        assert!(verdict.is_err(), "{name} does not notice {flaw:?} when {way:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_double_without_a_flaw_passes_every_case() {
    for case in CASES {
        for way in Way::ALL {
            let verdict = run(*case, way, |wish| async move { pair(Flaw::Nothing, wish) }).await;
            assert_eq!(verdict, Ok(()), "{} when {way:?}", case.name);
        }
    }
}

macro_rules! found_by {
    ($($test:ident: $flaw:ident => $case:ident;)*) => {
        $(#[tokio::test(start_paused = true)]
        async fn $test() {
            find(Flaw::$flaw, stringify!($case)).await;
        })*
    };
}

found_by! {
    an_end_on_drop: EndsOnDrop => a_dropped_send_half_is_a_reset;
    an_end_on_reset: EndsOnReset => a_reset_arrives_with_its_code;
    no_reset: NeverResets => a_dropped_send_half_is_a_reset;
    no_reset_of_an_aborted_task: NeverResets => a_task_aborted_in_mid_send_is_a_reset;
    a_reset_without_its_code: ForgetsResetCode => a_reset_arrives_with_its_code;
    a_stop_without_its_code: ForgetsStopCode => a_stop_arrives_with_its_code;
    a_stop_that_is_not_heard: StopsNeverArrive => stopped_wakes_a_waiting_sender;
    a_drop_that_is_not_heard: StopsNeverArrive => a_dropped_recv_half_is_a_stop;
    split_frames: SplitsFrames => frames_arrive_whole_and_in_order;
    repeated_frames: RepeatsFrames => frames_arrive_whole_and_in_order;
    parts_as_frames: MakesFramesOfParts => a_frame_of_many_parts_is_one_frame;
    missing_parts: LosesLaterParts => a_frame_received_in_parts_is_the_same_frame;
    missing_empty_frames: SkipsEmptyFrames => an_empty_frame_is_a_frame;
    torn_frames: DeliversTornFrames => a_task_aborted_in_mid_send_is_a_reset;
    a_stream_that_outlives_a_dropped_send: GoesOnAfterDroppedSend => a_dropped_send_leaves_a_stream_that_only_fails;
    no_frame_limit_for_the_sender: HasNoFrameLimit => a_frame_over_the_limit_is_refused_by_its_sender;
    no_frame_limit_for_the_receiver: HasNoFrameLimit => a_frame_over_the_limit_is_refused_by_its_receiver;
    no_bound: HasNoBound => a_sender_waits_while_nobody_reads;
    a_frame_lost_by_a_dropped_recv: LosesFrameOfDroppedRecv => a_dropped_recv_loses_no_frame;
    a_stream_lost_by_a_dropped_accept: LosesStreamOfDroppedAccept => a_dropped_accept_loses_no_stream;
    a_stream_leaked_by_a_dropped_open: LeaksStreamOfDroppedOpen => a_dropped_open_leaves_nothing_behind;
    a_disconnect_that_does_nothing: DisconnectsNothing => a_disconnect_is_seen_at_both_ends;
    a_shutdown_that_does_nothing: ShutsNothingDown => a_shutdown_ends_everything;
    an_end_of_a_lost_connection: EndsWhenDisconnected => a_sender_that_vanishes_is_no_end;
    a_finish_that_comes_back_early: FinishesEarly => a_finished_stream_outlives_its_sender;
    more_streams_than_declared: AllowsMoreStreams => more_streams_than_allowed_wait_and_fail;
    an_open_that_waits_for_ever: WaitsForEver => more_streams_than_allowed_wait_and_fail;
    an_open_that_does_not_wait: WaitsForNoStream => a_waiting_open_goes_on_when_a_stream_ends;
    one_window_for_all_streams: SharesOneWindow => an_unread_stream_holds_up_no_other;
    a_peer_by_another_name: NamesAnotherPeer => frames_arrive_whole_and_in_order;
}
