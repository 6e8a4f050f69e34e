//! How much of the protocol is checked at once.
//!
//! Every size has to reach everything that is to be met "sometimes": each stage, each fault, each refusal.
//!
//! One part of the medium size has it all at once: three nodes, of which one is a bystander; a tablet of one replica
//! that moves away and back; two attempts of each step before a move goes back; and, each once and in any order, a
//! crash, a lost call, a call that comes twice, a coordinator that is replaced, and a node that is excluded. The other
//! parts hold what would multiply that beyond what can be gone through, each with what it matters most with: a
//! deletion with its requests and a purge; calls that are late, with deadlines and a cancel; and two replicas, with
//! the faults two or three at a time.
//!
//! The large size adds two replicas, on three nodes that all take part, with four of these faults at once: once all but
//! the call that comes twice, once all but the lost one. All five there are too many: as far as the parts tell, about
//! a hundred million states.
//!
//! The checker keeps 64 bits of each state. Two states that share them are taken for one, and what only the second
//! leads to is not looked at: among `n` states that is to be expected `n * n / 2^65` times, which is three in a million
//! for ten million states, and one in four thousand for a hundred million.

use super::scope::{Budget, Scope};

/// How much is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Size {
    /// Seconds: one or two faults at a time.
    Small,
    /// Minutes: every fault in one model, and more than small of the others.
    #[default]
    Medium,
    /// Many minutes: two replicas, and four faults together.
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
        let mut scopes = vec![ANEW, CRASH, BACK, LATE];
        match self {
            Self::Small => scopes.insert(0, brief(DELETION)),
            Self::Medium => scopes.extend([DELETION, THREE, REPLACED, ALL]),
            Self::Large => scopes.extend([DELETION, THREE, REPLACED, ALL, FOUR_LOST, FOUR_TWICE]),
        }
        scopes
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

/// One replica that moves, and a bystander.
const ONE: Scope = Scope {
    nodes: &[1, 2, 3],
    replicas: &[1],
    ..Scope::QUIET
};

/// Two replicas, of which one moves: all three nodes take part.
const TWO: Scope = Scope {
    nodes: &[1, 2, 3],
    replicas: &[1, 3],
    ..Scope::QUIET
};

/// No fault but a request that is late, two moves, a deletion and its purge.
const DELETION: Scope = Scope {
    name: "deletion",
    budget: Budget { purges: 1, ..QUIET },
    deletes: true,
    straggler: true,
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
    ..ONE
};

/// Calls that are late or come twice, a deadline, and a cancel.
const LATE: Scope = Scope {
    name: "late calls",
    budget: Budget {
        delays: 1,
        duplicates: 1,
        cancels: 1,
        deadlines: 1,
        ..QUIET
    },
    ..ONE
};

/// Ways back of a tablet with two replicas: a node is excluded, calls are lost.
const BACK: Scope = Scope {
    name: "ways back",
    budget: Budget {
        losses: 2,
        exclusions: 1,
        ..QUIET
    },
    ..TWO
};

/// A coordinator that is replaced while the tablet has two replicas, and a node that is excluded.
const REPLACED: Scope = Scope {
    name: "replaced coordinator",
    budget: Budget {
        exclusions: 1,
        fail_overs: 1,
        ..QUIET
    },
    ..TWO
};

/// A crash, a lost call and one that comes twice, with two replicas.
const THREE: Scope = Scope {
    name: "three faults, two replicas",
    budget: Budget {
        restarts: 1,
        losses: 1,
        duplicates: 1,
        ..QUIET
    },
    ..TWO
};

/// Everything at once.
const ALL: Scope = Scope {
    name: "all faults",
    budget: Budget {
        restarts: 1,
        losses: 1,
        duplicates: 1,
        fail_overs: 1,
        exclusions: 1,
        ..QUIET
    },
    ..ONE
};

/// All but a call that comes twice, with two replicas.
const FOUR_LOST: Scope = Scope {
    name: "four faults, one a lost call",
    budget: Budget {
        restarts: 1,
        losses: 1,
        fail_overs: 1,
        exclusions: 1,
        ..QUIET
    },
    ..TWO
};

/// All but a lost call, with two replicas.
const FOUR_TWICE: Scope = Scope {
    name: "four faults, one a call that comes twice",
    budget: Budget {
        restarts: 1,
        duplicates: 1,
        fail_overs: 1,
        exclusions: 1,
        ..QUIET
    },
    ..TWO
};

/// A coordinator that is replaced, with one replica.
const ANEW: Scope = Scope {
    name: "fail-over",
    budget: Budget {
        fail_overs: 1,
        ..QUIET
    },
    ..ONE
};
