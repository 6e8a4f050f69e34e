//! I7: single keys are linearizable, at every stage: the histories of clients are held against a register.

use tidegate_kv::token_of;
use tidegate_tablets::TabletId;
use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;

use super::histories::{ClientOperation, Place};
use super::{Invariant, Now};
use crate::event::{ClientAnswer, ClientOp, Event};

#[derive(Debug, Default)]
pub(super) struct Linearizable {
    /// Tells the tables apart that are gone at the end: where each key was.
    gone: Vec<TabletId>,
}

impl Invariant for Linearizable {
    fn name(&self) -> &'static str {
        "I7-linearizable"
    }

    fn observe(&mut self, now: &Now<'_>, event: &Event) -> Result<(), String> {
        if let Event::Decided { touched, .. } = event {
            let tablets = &now.facts.metadata.tablets;
            self.gone
                .extend(touched.iter().filter(|id| !tablets.contains_key(*id)));
        }
        Ok(())
    }

    fn at_end(&mut self, now: &Now<'_>) -> Result<(), String> {
        for (place, operations) in now.facts.histories.places() {
            if self.counts(now, place) && !is_linearizable(operations) {
                return Err(told(place, operations));
            }
        }
        Ok(())
    }
}

impl Linearizable {
    /// Whether the acknowledged writes of the key's tablet were never given up.
    fn counts(&self, now: &Now<'_>, (table, key): &Place) -> bool {
        let token = token_of(key);
        let given_up = &now.facts.given_up;
        if let Some((tablet, _)) = now.facts.metadata.tablet_of(*table, token) {
            return !given_up.contains(&tablet);
        }
        // The table is gone: its tablets as they were last.
        !self.gone.iter().filter(|id| given_up.contains(*id)).any(|id| {
            let mut known = now.facts.tablets.iter();
            known.any(|((of, _), tablet)| of == id && tablet.table == *table && tablet.range.contains(token))
        })
    }
}

/// A key: a register that begins empty.
struct Register;

/// One operation, with what came of it. Values by number; zero is none.
#[derive(Debug, Clone, Copy)]
enum Step {
    Read(usize),
    Write(usize),
}

impl Specification for Register {
    type State = usize;
    type Operation = Step;

    fn init() -> usize {
        0
    }

    fn apply(step: &Step, state: &usize) -> (bool, usize) {
        match step {
            Step::Read(value) => (value == state, *state),
            Step::Write(value) => (true, *value),
        }
    }
}

/// An operation as the checker gets it: from when to when it may have taken effect.
struct Span {
    begin: u64,
    end: u64,
    step: Step,
}

fn is_linearizable(operations: &[ClientOperation]) -> bool {
    let spans: Vec<Span> = operations
        .iter()
        .filter_map(|operation| span(operation, operations))
        .collect();
    if spans.is_empty() {
        return true;
    }
    let mut actions: Vec<(u64, bool, usize)> = Vec::with_capacity(2 * spans.len());
    for (process, span) in spans.iter().enumerate() {
        actions.push((span.begin, false, process));
        actions.push((span.end, true, process));
    }
    // What has no end comes last, each in its own order.
    actions.sort_unstable();
    let actions = actions.into_iter().map(|(_, ends, process)| {
        let step = spans[process].step;
        (
            process,
            if ends {
                Action::Response(step)
            } else {
                Action::Call(step)
            },
        )
    });
    WGLChecker::<Register>::is_linearizable(History::from_actions(actions.collect()))
}

/// How an operation counts; none if it says nothing.
///
/// A write of unknown outcome may take effect at any time after it was invoked, or never. As no value is written
/// twice, one whose value nobody read says nothing; of another one it is known that it took effect before the first
/// read of it returned. A delete of unknown outcome stays open to the end, where "never" is as good as "last".
fn span(operation: &ClientOperation, all: &[ClientOperation]) -> Option<Span> {
    let number = |value: &bytes::Bytes| {
        let written = |other: &ClientOperation| matches!(&other.what, ClientOp::Put(put) if put == value);
        // A value that nobody wrote gets a number that nobody writes.
        all.iter().position(written).map_or(usize::MAX, |at| at + 1)
    };
    let step = match (&operation.what, &operation.returned) {
        (ClientOp::Get, Some((_, ClientAnswer::Value(value)))) => {
            Step::Read(value.as_ref().map_or(0, number))
        }
        (ClientOp::Get, _) => return None,
        (_, Some((_, ClientAnswer::Failed))) => return None,
        (ClientOp::Put(value), _) => Step::Write(number(value)),
        (ClientOp::Delete, _) => Step::Write(0),
    };
    let end = match (&operation.what, &operation.returned) {
        (_, Some((at, ClientAnswer::Value(_) | ClientAnswer::Done))) => *at,
        (ClientOp::Put(value), _) => first_read(value, all)?,
        _ => u64::MAX,
    };
    Some(Span {
        begin: operation.invoked,
        end,
        step,
    })
}

/// When the first read that showed the value returned.
fn first_read(value: &bytes::Bytes, all: &[ClientOperation]) -> Option<u64> {
    let reads = all.iter().filter_map(|operation| match &operation.returned {
        Some((at, ClientAnswer::Value(Some(read)))) if read == value => Some(*at),
        _ => None,
    });
    reads.min()
}

/// What is wrong, for people: the first answer that no order of effects explains, and the history up to it.
fn told((table, key): &Place, operations: &[ClientOperation]) -> String {
    let mut ends: Vec<u64> = operations
        .iter()
        .filter_map(|o| o.returned.as_ref().map(|(at, _)| *at))
        .collect();
    ends.sort_unstable();
    let until = |end: u64| -> Vec<ClientOperation> {
        let begun = operations.iter().filter(|operation| operation.invoked < end);
        let cut = begun.cloned().map(|mut operation| {
            operation.returned = operation.returned.filter(|(at, _)| *at <= end);
            operation
        });
        cut.collect()
    };
    let first = ends.partition_point(|end| is_linearizable(&until(*end)));
    let history = until(ends.get(first).copied().unwrap_or(u64::MAX));
    let lines = history.iter().rev().take(12).rev().map(|operation| {
        let Some((at, answer)) = &operation.returned else {
            return format!(
                "[{}..] op {} {:?}",
                operation.invoked, operation.op, operation.what
            );
        };
        format!(
            "[{}..{at}] op {} {:?}: {answer:?}",
            operation.invoked, operation.op, operation.what
        )
    });
    format!(
        "key {} of table {table}: no order of effects explains {}",
        String::from_utf8_lossy(key),
        lines.collect::<Vec<_>>().join("; ")
    )
}

#[cfg(test)]
mod tests;
