//! Looks again and again, until moves have ended.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::super::output::{Readers, Shown};
use super::{Asking, Bars, Exit, Failure, Interrupt};
use crate::api::{Journal, MoveAnswer, Moves, Tablet};
use crate::client::{Client, ClientError, Route};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// Looks in a row at which nothing moves, until it is the end: between two rounds of the balancer nothing does either.
const EMPTY_LOOKS: u32 = 10;

/// Follows moves. A node that does not answer for a while is borne with: it may restart, or a leader be elected.
#[derive(Debug)]
pub(super) struct Follow<'a> {
    client: &'a Client,
    asking: &'a Asking,
    interrupt: &'a Interrupt,
    bars: Bars,
    pause: Duration,
}

impl<'a> Follow<'a> {
    pub(super) fn new(client: &'a Client, asking: &'a Asking, interrupt: &'a Interrupt) -> Self {
        Self {
            client,
            asking,
            interrupt,
            bars: Bars::new(asking.output.json),
            pause: PAUSE,
        }
    }

    #[cfg(test)]
    pub(super) fn paced(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Until nothing moves any more, or nobody reads on.
    pub(super) fn all(mut self) -> Result<Exit, Failure> {
        let route = Route::v1().at("moves");
        let mut empty = 0;
        loop {
            let Some(moves) = self.look::<Moves>(&route)? else {
                return Ok(Exit::Interrupted);
            };
            self.bars.show(&moves);
            if self.asking.output.json && self.asking.output.show_on(&moves)? == Readers::None {
                return Ok(Exit::Done);
            }
            empty = if moves.moves.is_empty() { empty + 1 } else { 0 };
            if empty >= EMPTY_LOOKS {
                self.bars.note("nothing moves");
                return Ok(Exit::Done);
            }
            if self.interrupt.within(self.pause) {
                return Ok(Exit::Interrupted);
            }
        }
    }

    /// Until this move has ended; says how.
    pub(super) fn one(mut self, asked: &MoveAnswer, begun: u64) -> Result<Exit, Failure> {
        let route = Route::v1().at("tablets").at(asked.tablet);
        let tablet = loop {
            let Some(tablet) = self.look::<Tablet>(&route)? else {
                return Ok(Exit::Interrupted);
            };
            // The asked node may not have applied its begin yet: its epoch tells.
            let runs = tablet.transition.as_ref().is_some_and(|it| it.begun == begun);
            if !runs && tablet.epoch >= begun {
                break tablet;
            }
            // The bars are a kindness: without them the waiting goes on.
            if let Ok(mut moves) = self.client.read::<Moves>(&Route::v1().at("moves")) {
                moves
                    .moves
                    .retain(|it| it.tablet == asked.tablet && it.transition.begun == begun);
                self.bars.show(&moves);
            }
            if self.interrupt.within(PAUSE) {
                return Ok(Exit::Interrupted);
            }
        };
        let moved = tablet.replicas.contains(&asked.to) && !tablet.replicas.contains(&asked.from);
        let ended = Ended {
            tablet: asked.tablet,
            from: asked.from,
            to: asked.to,
            begun,
            moved,
            replicas: tablet.replicas,
            why: if moved {
                None
            } else {
                self.why(asked.tablet, begun)
            },
        };
        let output = self.asking.output;
        drop(self);
        output.show(&ended)?;
        Ok(if moved { Exit::Done } else { Exit::Wrong })
    }

    /// Reads, and bears with failures that pass as long as a request may take. None: somebody wants the end.
    fn look<T: serde::de::DeserializeOwned>(&self, route: &Route) -> Result<Option<T>, Failure> {
        let until = Instant::now() + self.client.deadline();
        let mut has_said = false;
        loop {
            match self.client.read(route) {
                Ok(answer) => return Ok(Some(answer)),
                Err(error) if error.is_passing() && Instant::now() < until => {
                    if !has_said {
                        self.bars.note(&format!("{error}; asking again"));
                        has_said = true;
                    }
                }
                Err(error) => return Err(error.into()),
            }
            if self.interrupt.within(PAUSE) {
                return Ok(None);
            }
        }
    }

    /// Why a move went back, if the journal of the asked node knows.
    fn why(&self, tablet: u64, begun: u64) -> Option<String> {
        let route = Route::v1().at("moves").at(tablet).at("journal");
        let journal: Result<Journal, ClientError> = self.client.read(&route);
        let record = journal.ok()?.moves.into_iter().find(|it| it.begun == begun)?;
        record.went_back.or(record.last_error)
    }
}

/// How a move ended that was waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Ended {
    pub(super) tablet: u64,
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) begun: u64,
    pub(super) moved: bool,
    pub(super) replicas: Vec<u64>,
    pub(super) why: Option<String>,
}

impl Shown for Ended {
    fn text(&self) -> String {
        let Self { tablet, from, to, .. } = self;
        let replicas = super::list(&self.replicas);
        match (self.moved, &self.why) {
            (true, _) => format!("tablet {tablet} has moved {from} -> {to}: its replicas are on {replicas}"),
            (false, Some(why)) => {
                format!("tablet {tablet} did NOT move, its replicas are on {replicas}: {why}")
            }
            (false, None) => format!(
                "tablet {tablet} did NOT move, its replicas are on {replicas}: `tidegate journal {tablet}` may say why"
            ),
        }
    }
}
