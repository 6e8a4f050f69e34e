//! How much of the protocol is checked at once.

use super::scope::{Budget, Scope};

/// How much is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Size {
    /// Seconds: one or two faults at a time, one replica.
    Small,
    /// Minutes: more faults together, and two replicas.
    #[default]
    Medium,
    /// As long as it takes: all faults, up to three replicas.
    Large,
}

impl Size {
    /// Every size, with its name.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::Small, "small"),
        (Self::Medium, "medium"),
        (Self::Large, "large"),
    ];

    /// The models of that size, the fastest first.
    pub(super) fn scopes(self) -> Vec<Scope> {
        match self {
            Self::Small => vec![brief(QUIET_DELETE), brief(LATE), brief(CRASH)],
            Self::Medium => vec![QUIET_DELETE, LATE, CRASH, BACK],
            Self::Large => vec![QUIET_DELETE, LATE, CRASH, BACK],
        }
    }
}

/// With one move only.
const fn brief(scope: Scope) -> Scope {
    Scope {
        budget: Budget {
            moves: 1,
            ..scope.budget
        },
        ..scope
    }
}

const QUIET: Budget = Scope::QUIET.budget;

/// No fault but a request that is late, two moves, a deletion and its purge.
const QUIET_DELETE: Scope = Scope {
    name: "deletion",
    budget: Budget { purges: 1, ..QUIET },
    deletes: true,
    straggler: true,
    ..Scope::QUIET
};

/// Calls that are late, or come twice.
const LATE: Scope = Scope {
    name: "late calls",
    budget: Budget {
        delays: 1,
        duplicates: 1,
        cancels: 1,
        ..QUIET
    },
    ..Scope::QUIET
};

/// A crash, with a late call.
const CRASH: Scope = Scope {
    name: "crash",
    budget: Budget {
        restarts: 1,
        delays: 1,
        ..QUIET
    },
    ..Scope::QUIET
};

/// All ways back.
const BACK: Scope = Scope {
    name: "ways back",
    budget: Budget {
        losses: 1,
        delays: 1,
        deadlines: 1,
        cancels: 1,
        exclusions: 1,
        fail_overs: 1,
        ..QUIET
    },
    ..Scope::QUIET
};
