//! Rows of several keyspaces as one, in order, the latest of each key.

use std::cmp::Ordering;
use std::fmt;

use fjall::{Iter, Keyspace, Slice};
use tidegate_streaming::EngineError;

use crate::error::engine_error;
use crate::tablet::decode;

/// A key and its row, both in their stored form.
pub(crate) type Entry = (Slice, Slice);

/// Rows of several keyspaces as one, in order, the latest of each key. Holds the snapshot it reads.
pub(crate) struct Merge {
    runs: Vec<Run>,
    /// A keyspace that was deleted takes its files along when the last handle goes, and an iterator is none: it opens
    /// them as it comes to them.
    _held: Vec<Keyspace>,
}

struct Run {
    /// `None` once it has ended.
    rest: Option<Iter>,
    head: Option<Entry>,
}

impl Run {
    fn fill(&mut self) -> Result<(), EngineError> {
        if let (None, Some(rest)) = (&self.head, &mut self.rest) {
            self.head = rest
                .next()
                .map(fjall::Guard::into_inner)
                .transpose()
                .map_err(engine_error)?;
            if self.head.is_none() {
                self.rest = None;
            }
        }
        Ok(())
    }
}

impl Merge {
    /// Of these keyspaces' rows, which it keeps from going meanwhile.
    pub(crate) fn new(held: Vec<Keyspace>, runs: impl Iterator<Item = Iter>) -> Self {
        Self {
            _held: held,
            runs: runs
                .map(|rest| Run {
                    rest: Some(rest),
                    head: None,
                })
                .collect(),
        }
    }

    /// The next row; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, EngineError> {
        // Most tablets are one keyspace, and nothing is to be compared.
        if let [run] = &mut self.runs[..] {
            run.fill()?;
            return Ok(run.head.take());
        }
        let mut best = None;
        for index in 0..self.runs.len() {
            self.runs[index].fill()?;
            best = self.better(best, index)?;
        }
        let next = best.and_then(|index: usize| self.runs[index].head.take());
        self.runs.retain(|run| run.rest.is_some());
        Ok(next)
    }

    /// Which of two runs has the smaller key at its head. Of two heads with the same key the later stays; the other is
    /// dropped.
    fn better(&mut self, best: Option<usize>, index: usize) -> Result<Option<usize>, EngineError> {
        let Some((key, stored)) = &self.runs[index].head else {
            return Ok(best);
        };
        let Some((held_by, (held_key, held))) =
            best.and_then(|held_by| Some((held_by, self.runs[held_by].head.as_ref()?)))
        else {
            return Ok(Some(index));
        };
        match key.cmp(held_key) {
            Ordering::Less => Ok(Some(index)),
            Ordering::Greater => Ok(best),
            Ordering::Equal => {
                let is_later = decode(stored)?.timestamp > decode(held)?.timestamp;
                let (stays, goes) = if is_later {
                    (index, held_by)
                } else {
                    (held_by, index)
                };
                self.runs[goes].head = None;
                Ok(Some(stays))
            }
        }
    }
}

impl fmt::Debug for Merge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merge")
            .field("runs", &self.runs.len())
            .finish_non_exhaustive()
    }
}
