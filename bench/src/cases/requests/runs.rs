//! The runs that all cases of one network share.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::clients::Answers;
use super::ground::{Ground, Network};
use crate::case::{Effort, Sample};

/// What runs beside the requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) name: &'static str,
    /// Tablets that move at any time.
    pub(super) moves: usize,
    pub(super) is_throttled: bool,
}

impl Load {
    pub(super) const fn new(name: &'static str, moves: usize, is_throttled: bool) -> Self {
        Self {
            name,
            moves,
            is_throttled,
        }
    }
}

/// What one run came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    pub(super) reads: Answers,
    pub(super) writes: Answers,
}

/// The cluster, and what its runs came to: one run of a load gives the figures of several cases.
pub(super) struct Runs {
    network: Network,
    ground: RefCell<Option<Ground>>,
    done: RefCell<BTreeMap<(&'static str, u32), Figures>>,
}

impl Runs {
    /// Of a cluster that is started with the first.
    pub(super) fn new(network: Network) -> Self {
        Self {
            network,
            ground: RefCell::default(),
            done: RefCell::default(),
        }
    }

    /// A figure of the run of `load` in that round, which is made unless another case has done so.
    pub(super) fn sample(
        &self,
        load: Load,
        round: Option<u32>,
        effort: Effort,
        of: fn(&Figures) -> f64,
    ) -> Result<Sample> {
        let key = (load.name, round.context("no more rounds")?);
        if let Some(figures) = self.done.borrow().get(&key) {
            return Ok(Sample::of(of(figures)));
        }
        // One in which a run has failed is not used again.
        let ground = match self.ground.take() {
            Some(ground) => ground,
            None => Ground::start(self.network)?,
        };
        let lasts = Duration::from_millis(effort.pick(1500, 4000));
        let figures = ground.run(load, lasts)?;
        self.ground.replace(Some(ground));
        self.done.borrow_mut().insert(key, figures);
        Ok(Sample::of(of(&figures)))
    }
}
