//! On whose behalf a transition runs.

use std::fmt;

use crate::TransitionKind;

/// On whose behalf a transition runs. In order of urgency: what comes first goes first where there is contention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Reason {
    /// Somebody asked for it. The only one that may begin while balancing is off.
    #[default]
    Operator,
    /// The balancer replaces a replica that an excluded node held.
    Rebuild,
    /// The balancer empties a draining node.
    Drain,
    /// The balancer spreads load, or replicas over racks.
    Balance,
}

impl Reason {
    /// Every reason, the most urgent first.
    pub const ALL: [Self; 4] = [Self::Operator, Self::Rebuild, Self::Drain, Self::Balance];

    /// Whether a transition of that kind can have this reason.
    #[must_use]
    pub const fn suits(self, kind: TransitionKind) -> bool {
        match self {
            Self::Operator => true,
            Self::Rebuild => matches!(kind, TransitionKind::Rebuild),
            Self::Drain | Self::Balance => matches!(kind, TransitionKind::Migration),
        }
    }

    /// Its name, as the documents and the metrics write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Rebuild => "rebuild",
            Self::Drain => "drain",
            Self::Balance => "balance",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
