//! One piece of work, and the ways of doing it.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};

use anyhow::Result;

use crate::bound::Bound;

/// How much a run may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// All of it in under ten minutes.
    Quick,
    /// More rounds, more bytes, every variant.
    Thorough,
}

impl Effort {
    /// One of two, by how much may be spent.
    pub(crate) fn pick<T>(self, quick: T, thorough: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Thorough => thorough,
        }
    }
}

/// What one run of one way came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    /// In the unit of its case.
    pub(crate) value: f64,
    /// Processor seconds of the whole process, per GiB carried; of a case that carries nothing, none.
    pub(crate) cpu_per_gib: Option<f64>,
    /// The most memory that the process held meanwhile, in bytes.
    pub(crate) memory_peak_bytes: Option<f64>,
}

impl Sample {
    /// Of nothing but a value.
    pub(crate) fn of(value: f64) -> Self {
        Self {
            value,
            cpu_per_gib: None,
            memory_peak_bytes: None,
        }
    }
}

/// One sample of every way, taken one after the other.
pub(crate) type Round = BTreeMap<&'static str, Sample>;

/// Whether more of the unit is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    /// A rate.
    More,
    /// A time, a size.
    Less,
}

/// One way of doing the work of a case.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) run: Box<dyn FnMut() -> Result<Sample>>,
}

impl Debug for Way {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Way")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// One piece of work. It is built when its turn comes, and dropped with all that it holds before the next.
#[derive(Debug)]
pub(crate) struct Case {
    /// Of every sample's value: `MiB/s`, `ns`, `moves/s`.
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    /// The way that the others are compared with.
    pub(crate) reference: Option<&'static str>,
    /// How many rounds count; one more is run before them, and forgotten.
    pub(crate) rounds: usize,
    pub(crate) ways: Vec<Way>,
    pub(crate) bounds: Vec<Bound>,
}

impl Case {
    /// A case with no ways yet.
    pub(crate) fn new(unit: &'static str, better: Better, rounds: usize) -> Self {
        Self {
            unit,
            better,
            reference: None,
            rounds,
            ways: Vec::new(),
            bounds: Vec::new(),
        }
    }

    /// With another way of doing it.
    pub(crate) fn way(mut self, name: &'static str, run: impl FnMut() -> Result<Sample> + 'static) -> Self {
        self.ways.push(Way {
            name,
            run: Box::new(run),
        });
        self
    }

    /// With the way that the others are compared with.
    pub(crate) fn against(mut self, reference: &'static str) -> Self {
        self.reference = Some(reference);
        self
    }

    /// With something that must hold.
    pub(crate) fn bound(mut self, bound: Bound) -> Self {
        self.bounds.push(bound);
        self
    }
}

/// A case that can be built.
#[derive(Debug)]
pub(crate) struct Entry {
    /// `stream/quic-1452/256KiB/1`: `--only` takes any leading part of it.
    pub(crate) name: String,
    /// Whether a quick run has it too.
    pub(crate) is_quick: bool,
    pub(crate) build: Build,
}

/// Builds a case.
pub(crate) struct Build(pub(crate) Box<dyn FnOnce(Effort) -> Result<Case>>);

impl Debug for Build {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Build")
    }
}

impl Entry {
    /// A case of thorough runs only.
    pub(crate) fn thorough(
        name: impl Into<String>,
        build: impl FnOnce(Effort) -> Result<Case> + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            is_quick: false,
            build: Build(Box::new(build)),
        }
    }

    /// A case of every run.
    pub(crate) fn quick(
        name: impl Into<String>,
        build: impl FnOnce(Effort) -> Result<Case> + 'static,
    ) -> Self {
        Self {
            is_quick: true,
            ..Self::thorough(name, build)
        }
    }
}
