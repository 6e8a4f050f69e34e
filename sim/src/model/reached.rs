//! What has happened on the way, for the report: a model that cannot get somewhere proves nothing about it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Something that happens between two states, and cannot be read off one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    HolderWoken,
    BarrierRefused,
    BarrierWaited,
    OperationJoined,
    OperationRefused,
    FoundAttached,
    SourceRefused,
    EffectWhileClosing,
    FenceRefused,
    StaleChangeRefused,
    QuorumKept,
    MoveRefusedWhileMoving,
    StaleAnswer,
    WentBackForFailures,
    Swept,
}

impl Reach {
    pub(super) const ALL: [(Self, &'static str); 15] = [
        (Self::HolderWoken, "a closing session wakes its holder"),
        (Self::BarrierRefused, "a barrier of another epoch is refused"),
        (Self::BarrierWaited, "a barrier waits"),
        (Self::OperationJoined, "a call joins an operation that runs"),
        (Self::OperationRefused, "a late call for an operation is refused"),
        (Self::FoundAttached, "a stream finds its rows attached"),
        (Self::SourceRefused, "a source refuses a late stream"),
        (
            Self::EffectWhileClosing,
            "an effect ends while its session is closing",
        ),
        (Self::FenceRefused, "the fence refuses an older request"),
        (
            Self::StaleChangeRefused,
            "a change of a replaced coordinator is refused",
        ),
        (Self::QuorumKept, "an exclusion is refused for the quorum's sake"),
        (
            Self::MoveRefusedWhileMoving,
            "a second transition is refused while one runs",
        ),
        (Self::StaleAnswer, "an answer of an earlier epoch comes"),
        (Self::WentBackForFailures, "a spent budget sends a move back"),
        (Self::Swept, "the sweeper deletes what was left"),
    ];
}

// One set of flags for the process: they only say that something was seen, in whichever model and thread.
static REACHED: AtomicU64 = AtomicU64::new(0);

/// Where the flags begin of what is read off a state.
const SEEN: usize = 32;

fn set(place: usize) {
    // Read first: once it is set, nobody writes to the shared word any more. Relaxed: only read after all threads
    // were joined.
    if !is_set(place) {
        REACHED.fetch_or(1 << place, Ordering::Relaxed);
    }
}

fn is_set(place: usize) -> bool {
    REACHED.load(Ordering::Relaxed) & (1 << place) != 0
}

pub(super) fn reach(what: Reach) {
    set(what as usize);
}

pub(super) fn has_reached(what: Reach) -> bool {
    is_set(what as usize)
}

/// Notes the property of that place as seen.
pub(super) fn see(place: usize) {
    set(SEEN + place);
}

/// Whether it was.
pub(super) fn has_seen(place: usize) -> bool {
    is_set(SEEN + place)
}
