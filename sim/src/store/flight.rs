//! Proposals that are under way.

use std::collections::BTreeMap;

use tidegate_tablets::{Answer, Proposal, ProposeError};
use tokio::sync::oneshot;

/// What a proposer hears.
pub(super) type Verdict = Result<Answer, ProposeError>;

/// A proposal that is under way.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) proposal: Proposal,
    /// Where its proposer waits; none once that was told something.
    pub(super) proposer: Option<oneshot::Sender<Verdict>>,
    /// What was decided, while the answer is under way.
    pub(super) answer: Option<Answer>,
}

/// What becomes of a proposal when the leader changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The new leader has it.
    Goes,
    /// It was told to nobody who could decide it.
    NotTaken,
    /// Nobody has it any more, and its proposer does not know.
    Lost,
    /// It comes to pass, and its proposer does not know.
    Late,
}

impl Flight {
    fn fate(&self, rng: &mut fastrand::Rng) -> Fate {
        match (&self.answer, rng.u8(0..4)) {
            (_, 0) => Fate::Goes,
            (Some(_), _) => Fate::Late,
            (None, 1) => Fate::NotTaken,
            (None, 2) => Fate::Lost,
            (None, _) => Fate::Late,
        }
    }
}

/// Throws the dice for all that are under way, in the order in which they began. Those that nobody will decide
/// are taken out. Whom to tell what is answered, as it is told outside of locks.
pub(super) fn leader_changed(
    flights: &mut BTreeMap<u64, Flight>,
    rng: &mut fastrand::Rng,
) -> Vec<(oneshot::Sender<Verdict>, ProposeError)> {
    let mut told = Vec::new();
    flights.retain(|_, flight| {
        let fate = flight.fate(rng);
        let error = match fate {
            Fate::Goes => return true,
            Fate::NotTaken => ProposeError::NotTaken("the leader has changed".to_owned()),
            Fate::Lost | Fate::Late => ProposeError::Unknown("the leader has changed".to_owned()),
        };
        // One that is late already has nobody to tell, and may be lost.
        told.extend(flight.proposer.take().map(|proposer| (proposer, error)));
        fate == Fate::Late
    });
    told
}
