//! The table of wrong lines: what each does wrong, and where it has to show.

use self::Search::Script;

/// One wrong line of product code, in builds made for it.
#[derive(Debug)]
pub(super) struct Mutant {
    pub(super) name: &'static str,
    /// What is wrong.
    pub(super) wrong: &'static str,
    /// Where it is looked for, one after the other, until it is found.
    pub(super) searches: &'static [Search],
    /// Whether it is found in seconds.
    pub(super) is_quick: bool,
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

const SEEDS: Search = Search::Seeds(1000);
const FEW: Search = Search::Seeds(100);
const MODEL: Search = Search::Model("small");

const fn quick(name: &'static str, wrong: &'static str, searches: &'static [Search]) -> Mutant {
    Mutant {
        name,
        wrong,
        searches,
        is_quick: true,
    }
}

const fn slow(name: &'static str, wrong: &'static str, searches: &'static [Search]) -> Mutant {
    Mutant {
        name,
        wrong,
        searches,
        is_quick: false,
    }
}

/// All of them: those of the protocol's steps, then one for each thing that was found to be needed.
pub(super) const MUTANTS: &[Mutant] = &[
    quick(
        "gate-released-early",
        "a closed gate counts as drained though it is held: between check and apply nobody is waited for",
        &[FEW, Script("attach_without_its_caller")],
    ),
    quick(
        "barrier-without-drain",
        "a barrier waits for no closing session",
        &[MODEL, FEW],
    ),
    quick(
        "failed-drain-is-done",
        "a barrier whose drain ran out of time is answered as done",
        &[MODEL, SEEDS],
    ),
    quick(
        "session-opened-on-demand",
        "a session that a node does not have is opened for whoever asks",
        &[MODEL, Script("stale_calls"), SEEDS],
    ),
    quick(
        "current-session-substituted",
        "an operation enters the session that the metadata names now, not the one that it carries",
        &[MODEL, Script("stale_calls"), SEEDS],
    ),
    quick(
        "session-id-reused",
        "every session of a tablet has the same id",
        &[MODEL, FEW],
    ),
    quick(
        "no-read-barrier-after-start",
        "a node acts on its own copy of the metadata at once after a start",
        &[MODEL, Script("restart_at_older_metadata"), SEEDS],
    ),
    quick(
        "sessions-by-events",
        "a snapshot of the metadata opens sessions and closes none",
        &[MODEL, Script("skipped_close"), FEW],
    ),
    quick(
        "ack-of-other-version",
        "a barrier's answer counts for whatever epoch the tablet has when it comes",
        &[MODEL, Script("stray_answer"), SEEDS],
    ),
    quick(
        "rollback-keeps-session",
        "a way back keeps the session of the stage that it leaves",
        &[MODEL, FEW],
    ),
    quick(
        "fence-not-raised",
        "a barrier raises no fence",
        &[MODEL, Script("stale_writer"), SEEDS],
    ),
    quick(
        "fence-not-set-on-new-participant",
        "the first publishing of a tablet sets no fence",
        &[MODEL, Script("late_write_to_new_participant"), SEEDS],
    ),
    quick(
        "both-selectors-in-one-step",
        "reads move to the new replicas together with writes",
        &[MODEL, FEW],
    ),
    quick(
        "end-without-receipt",
        "a stream that broke off is taken for one that has ended",
        &[Script("broken_stream"), FEW],
    ),
    slow(
        "staged-visible-early",
        "a batch is visible to readers as soon as it is staged",
        &[FEW],
    ),
    slow(
        "resume-across-sessions",
        "a pull goes on in the staging area of an older session",
        &[Script("late_receiver"), SEEDS],
    ),
    quick(
        "cleanup-without-session",
        "a cleanup holds no session while it removes",
        &[FEW],
    ),
    quick(
        "dropped-sink-finishes",
        "a sink that is given up sends its receipt, as if it had come to the end",
        &[Script("broken_stream"), SEEDS],
    ),
    quick(
        "close-wakes-nobody",
        "a gate that closes wakes none of those who wait at it",
        &[Script("wake_on_close"), SEEDS],
    ),
    quick(
        "no-transport-deadline",
        "a call has no deadline",
        &[Script("silent_peer"), SEEDS],
    ),
    quick(
        "purge-while-moving",
        "a pending replica drops its tombstones after it has pulled",
        &[FEW],
    ),
    quick(
        "serves-what-it-is-no-replica-of",
        "a node admits requests for tablets that it has no part in",
        &[MODEL, Script("ex_replicas"), SEEDS],
    ),
    slow(
        "reads-without-both-quorums",
        "a read returns what a quorum of one set holds, while writes go to two",
        &[Script("dead_writer"), SEEDS],
    ),
    slow(
        "new-timestamp-per-attempt",
        "a write that is tried again takes a later timestamp",
        &[Script("one_timestamp"), SEEDS],
    ),
    slow(
        "pull-from-any-replica",
        "a migration pulls from the first live replica, not from the one that leaves",
        &[Script("leaving_only"), SEEDS],
    ),
    slow(
        "rebuild-from-one",
        "a rebuild pulls from one replica, where it takes more to know every acknowledged write",
        &[Script("rebuild_from_enough"), SEEDS],
    ),
    slow(
        "purge-without-transition",
        "the stages of a purge have no barriers",
        &[Script("late_write_after_purge"), SEEDS],
    ),
    quick(
        "engine-call-without-guard",
        "an attach that has started holds no guard of its own",
        &[Script("attach_without_its_caller"), SEEDS],
    ),
    quick(
        "attach-overwrites",
        "staged rows count as newer than all that was written directly",
        &[Script("attach_merges"), FEW],
    ),
    slow(
        "positions-not-per-source",
        "every source of a pull goes on from where the first of them was",
        &[Script("own_position"), SEEDS],
    ),
    slow(
        "answers-of-mixed-epochs",
        "acknowledgements of an attempt count in the next, at another epoch",
        &[Script("mixed_epochs"), SEEDS],
    ),
    slow(
        "excluded-blocks-all",
        "a transition goes back when any participant is excluded",
        &[MODEL, Script("excluded_bystander"), SEEDS],
    ),
    slow(
        "one-answer-for-a-batch",
        "a node answers a batch of barriers when the slowest of them is done",
        &[Script("slow_tablet"), SEEDS],
    ),
];
