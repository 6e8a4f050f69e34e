//! What clients asked and heard, key by key.

use std::collections::BTreeMap;

use bytes::Bytes;
use tidegate_tablets::TableId;

use crate::event::{ClientAnswer, ClientOp, Event};

/// A key of a table.
pub(crate) type Place = (TableId, Bytes);

/// What clients asked and heard, key by key.
#[derive(Debug, Default)]
pub(crate) struct Histories {
    places: BTreeMap<Place, Vec<ClientOperation>>,
    open: BTreeMap<u64, (Place, usize)>,
    /// Counts what is told here, so that before and after can be told apart within one instant.
    moment: u64,
    healed: Option<u64>,
}

/// One operation of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientOperation {
    pub(crate) op: u64,
    pub(crate) what: ClientOp,
    pub(crate) invoked: u64,
    /// Nothing yet, or for ever.
    pub(crate) returned: Option<(u64, ClientAnswer)>,
}

impl ClientOperation {
    /// Whether the client was told that the write is done.
    pub(crate) fn is_acknowledged(&self) -> bool {
        matches!(self.returned, Some((_, ClientAnswer::Done)))
    }

    /// Whether it has, and will have, no effect.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.returned, Some((_, ClientAnswer::Failed)))
    }

    /// When its effect is there at the latest; never, if the outcome is unknown.
    pub(crate) fn effective(&self) -> u64 {
        match self.returned {
            Some((at, ClientAnswer::Done)) => at,
            _ => u64::MAX,
        }
    }
}

impl Histories {
    pub(crate) fn take_in(&mut self, event: &Event) {
        match event {
            Event::Invoked {
                op, table, key, what, ..
            } => {
                self.moment += 1;
                let place = (*table, key.clone());
                let operations = self.places.entry(place.clone()).or_default();
                self.open.insert(*op, (place, operations.len()));
                operations.push(ClientOperation {
                    op: *op,
                    what: what.clone(),
                    invoked: self.moment,
                    returned: None,
                });
            }
            Event::Returned { op, answer } => {
                self.moment += 1;
                let Some((place, at)) = self.open.remove(op) else {
                    return;
                };
                if let Some(operation) = self.places.get_mut(&place).and_then(|all| all.get_mut(at)) {
                    operation.returned = Some((self.moment, answer.clone()));
                }
            }
            Event::Healed => self.healed = Some(self.moment),
            _ => {}
        }
    }

    /// The operations on each key, in the order in which they were invoked.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&Place, &[ClientOperation])> {
        self.places
            .iter()
            .map(|(place, operations)| (place, &operations[..]))
    }

    /// Operations that have not returned.
    pub(crate) fn open(&self) -> impl Iterator<Item = u64> {
        self.open.keys().copied()
    }

    /// Whether an operation was invoked after everything had healed.
    pub(crate) fn is_after_healing(&self, operation: &ClientOperation) -> bool {
        self.healed.is_some_and(|healed| operation.invoked > healed)
    }
}
