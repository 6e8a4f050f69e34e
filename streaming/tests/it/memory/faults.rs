//! What tests ask an engine to do wrong.

/// Where a test holds calls, or makes them fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Next,
    Stage,
    Sync,
    Attach,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    DiskFull,
    Panic,
    /// Waits, without listening to anything, until [`Memory::release`]; then does what it was asked for.
    Hold,
}

/// What a broken double does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    ShowsStaged,
    AttachReplaces,
    AttachesAgain,
    SharesPositions,
    MovesPositionsBack,
    SharesSessions,
    DiscardForgetsPositionsOnly,
    DiscardDropsAttached,
    ForgetsMark,
    StageIgnoresGuard,
    AttachIgnoresGuard,
    StagingIgnoresGuard,
    SnapshotIgnoresGuard,
    ScanStartsAtPosition,
    ScanIgnoresPosition,
    LiveSnapshot,
    TakesGarbage,
    LosesSyncedPositions,
    PositionsAhead,
    AbandonsGuard,
}
