//! The table of wrong lines: what each does wrong, and where it has to show.

use self::Search::{Model, Script, Seeds};

/// One wrong line of product code, in builds made for it.
#[derive(Debug)]
pub(super) struct Mutant {
    pub(super) name: &'static str,
    /// What is wrong.
    pub(super) wrong: &'static str,
    /// Where it is looked for, that which finds it soonest first.
    pub(super) searches: &'static [Search],
    /// With what the name of an invariant begins that may find it; another one is not what it breaks.
    pub(super) by: &'static str,
}

/// A run that may show a wrong line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Search {
    /// The seeds below that, until one shows it.
    Seeds(u64),
    /// The scripted run of that name.
    Script(&'static str),
    /// The model of that size.
    Model(&'static str),
}

const SEEDS: Search = Seeds(300);
const MODEL: Search = Model("small");

/// What has to come in the end.
const LIVENESS: &str = "I9";

/// One that any invariant may find.
const fn any(name: &'static str, wrong: &'static str, searches: &'static [Search]) -> Mutant {
    Mutant {
        name,
        wrong,
        searches,
        by: "",
    }
}

/// One that only liveness may find.
const fn stuck(name: &'static str, wrong: &'static str, searches: &'static [Search]) -> Mutant {
    let by = LIVENESS;
    Mutant {
        by,
        ..any(name, wrong, searches)
    }
}

/// All of them: those of the protocol's steps, then one for each thing that was found to be needed.
pub(super) const MUTANTS: &[Mutant] = &[
    any(
        "gate-released-early",
        "a closed gate counts as drained though it is held: between check and apply nobody is waited for",
        &[Script("attach_without_its_caller"), SEEDS],
    ),
    any(
        "barrier-without-drain",
        "a barrier waits for no closing session",
        &[MODEL, Script("attach_without_its_caller"), SEEDS],
    ),
    any(
        "failed-drain-is-done",
        "a barrier whose drain ran out of time is answered as done",
        &[Script("attach_without_its_caller"), SEEDS],
    ),
    any(
        "session-opened-on-demand",
        "a session that a node does not know is opened for whoever asks, whatever the metadata says",
        &[Script("forgotten_sessions"), MODEL, SEEDS],
    ),
    any(
        "current-session-substituted",
        "an operation enters the session that the metadata names now, not the one that it carries",
        &[Script("stale_calls"), MODEL, SEEDS],
    ),
    any(
        "session-id-reused",
        "every session of a tablet has the same id",
        &[MODEL, Script("stale_calls"), SEEDS],
    ),
    any(
        "no-read-barrier-after-start",
        "a node acts on its own copy of the metadata at once after a start",
        &[Script("restart_at_older_metadata"), SEEDS, MODEL],
    ),
    any(
        "sessions-by-events",
        "a snapshot of the metadata opens sessions and closes none",
        &[MODEL, Script("skipped_close"), SEEDS],
    ),
    // Who asks compares as well, so that no answer comes this far. The model has nobody else who compares.
    any(
        "ack-of-other-version",
        "a barrier's answer counts for whatever epoch the tablet has when it comes",
        &[MODEL],
    ),
    any(
        "rollback-keeps-session",
        "a way back keeps the session of the stage that it leaves",
        &[SEEDS, Script("late_receiver"), MODEL],
    ),
    any(
        "fence-not-raised",
        "a barrier raises no fence",
        &[MODEL, Script("stale_writer"), SEEDS],
    ),
    any(
        "fence-not-set-on-new-participant",
        "the first publishing of a tablet sets no fence",
        &[Script("fence_after_restart"), MODEL, SEEDS],
    ),
    any(
        "both-selectors-in-one-step",
        "reads move to the new replicas together with writes",
        &[MODEL, SEEDS],
    ),
    any(
        "end-without-receipt",
        "a stream that broke off is taken for one that has ended",
        &[Script("broken_stream"), SEEDS],
    ),
    any(
        "staged-visible-early",
        "a batch is attached as soon as it is staged",
        &[SEEDS, Script("broken_stream")],
    ),
    any(
        "resume-across-sessions",
        "a pull goes on from where that of another session was",
        &[Script("late_receiver"), SEEDS],
    ),
    any(
        "cleanup-without-session",
        "a cleanup holds no session while it removes",
        &[SEEDS],
    ),
    any(
        "dropped-sink-finishes",
        "a sink that is given up sends its receipt, as if it had come to the end",
        &[Script("broken_stream"), SEEDS],
    ),
    stuck(
        "close-wakes-nobody",
        "a gate that closes wakes none of those who wait at it",
        &[Script("wake_on_close"), SEEDS],
    ),
    stuck(
        "no-transport-deadline",
        "a call has no deadline",
        &[Script("silent_peer"), SEEDS],
    ),
    any(
        "purge-while-moving",
        "a pending replica drops its tombstones after it has pulled",
        &[SEEDS],
    ),
    any(
        "serves-what-it-is-no-replica-of",
        "a node admits requests for tablets that it has no part in",
        &[Script("ex_replicas"), MODEL, SEEDS],
    ),
    any(
        "reads-without-both-quorums",
        "a read returns what a quorum of one set holds, while writes go to two",
        &[Script("dead_writer"), SEEDS],
    ),
    any(
        "new-timestamp-per-attempt",
        "a write that is tried again takes a later timestamp",
        &[Script("one_timestamp"), SEEDS],
    ),
    any(
        "pull-from-any-replica",
        "a migration pulls from the first live replica, not from the one that leaves",
        &[Script("leaving_only"), SEEDS],
    ),
    any(
        "rebuild-from-one",
        "a rebuild pulls from one replica, where it takes more to know every acknowledged write",
        &[Script("rebuild_from_enough"), SEEDS],
    ),
    any(
        "purge-without-transition",
        "the stages of a purge have no barriers",
        &[MODEL, Script("late_write_after_purge"), SEEDS],
    ),
    any(
        "engine-call-without-guard",
        "an attach that has started holds no guard of its own",
        &[Script("attach_without_its_caller"), SEEDS],
    ),
    any(
        "attach-overwrites",
        "staged rows count as newer than all that was written directly",
        &[SEEDS, Script("attach_merges")],
    ),
    any(
        "positions-not-per-source",
        "every source of a pull goes on from where the first of them was",
        &[Script("own_position"), SEEDS],
    ),
    any(
        "answers-of-mixed-epochs",
        "acknowledgements of an attempt count in the next, at another epoch",
        &[Script("mixed_epochs"), SEEDS],
    ),
    any(
        "excluded-blocks-all",
        "a transition goes back when any participant is excluded",
        &[Script("excluded_bystander"), SEEDS],
    ),
    any(
        "one-answer-for-a-batch",
        "a node answers a batch of barriers when the slowest of them is done",
        &[Script("slow_tablet"), SEEDS],
    ),
];
