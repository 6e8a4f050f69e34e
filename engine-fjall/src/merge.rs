//! Rows of several keyspaces as one, in order, the latest of each key.

use std::cmp::Ordering;
use std::fmt;

use fjall::{Iter, Slice};
use tidegate_streaming::EngineError;

use crate::error::engine_error;
use crate::tablet::decode;

/// A key and its row, both in their stored form.
pub(crate) type Entry = (Slice, Slice);

/// Rows of several keyspaces as one, in order, the latest of each key. Holds the snapshot it reads.
pub(crate) struct Merge {
    runs: Vec<Run>,
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
    pub(crate) fn new(runs: impl Iterator<Item = Iter>) -> Self {
        Self {
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
        let mut best: Option<(usize, Entry)> = None;
        for index in 0..self.runs.len() {
            let run = &mut self.runs[index];
            run.fill()?;
            let Some((key, stored)) = &run.head else { continue };
            let order = match &best {
                None => Ordering::Less,
                Some((_, (best_key, _))) => key.cmp(best_key),
            };
            match order {
                Ordering::Less => best = Some((index, (key.clone(), stored.clone()))),
                Ordering::Equal => best = self.settle(best, index)?,
                Ordering::Greater => {}
            }
        }
        Ok(best.map(|(index, entry)| {
            self.runs[index].head = None;
            entry
        }))
    }

    /// Of two heads with the same key the later stays; the other is dropped.
    fn settle(
        &mut self,
        best: Option<(usize, Entry)>,
        index: usize,
    ) -> Result<Option<(usize, Entry)>, EngineError> {
        let challenger = self.runs[index].head.take();
        let (Some((held_by, held)), Some(challenger)) = (best, challenger) else {
            return Ok(None);
        };
        if decode(&challenger.1)?.timestamp > decode(&held.1)?.timestamp {
            self.runs[held_by].head = None;
            self.runs[index].head = Some(challenger.clone());
            return Ok(Some((index, challenger)));
        }
        Ok(Some((held_by, held)))
    }
}

impl fmt::Debug for Merge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merge")
            .field("runs", &self.runs.len())
            .finish_non_exhaustive()
    }
}
