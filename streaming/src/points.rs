//! The injection points of streaming; they exist only in builds with the feature `injection`.

/// Before a batch is sent; while a source holds here, it has the batch in hand.
pub(crate) const BEFORE_SEND: &str = "streaming::before_send";
/// Before a batch is staged, and before the check of the guard that precedes that.
pub(crate) const BEFORE_STAGE: &str = "streaming::before_stage";
/// Before a unit is attached, and before the check of the guard that precedes that: every receipt was accepted.
pub(crate) const BEFORE_ATTACH: &str = "streaming::before_attach";
