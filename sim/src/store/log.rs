//! The log itself.

mod applying;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tidegate_tablets::{
    Answer, Decided, LogState, Metadata, NodeId, Proposal, ProposeError, StoreStopped, Touched, Version,
};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

use super::config::draw;
use super::copy::Copy;
use super::flight::{Flight, Verdict, leader_changed};
use super::history::History;
use super::{SimLogConfig, SimStore};
use crate::event::Event;
use crate::recorder::Recorder;

/// A metadata log whose every delay and every outcome that its contract leaves open is drawn from a seed.
#[derive(Debug)]
pub struct SimLog {
    config: SimLogConfig,
    recorder: Recorder,
    inner: Mutex<Inner>,
    decided: Notify,
}

#[derive(Debug)]
struct Inner {
    rng: fastrand::Rng,
    state: LogState,
    history: History,
    /// The newest start of each node, and how far it has come.
    copies: BTreeMap<NodeId, (Weak<Copy>, Version)>,
    flights: BTreeMap<u64, Flight>,
    flights_begun: u64,
    /// When there is a leader again.
    leader_at: Instant,
    /// How many versions the log has taken for entries of its own since the last decision.
    own_entries: u64,
    stopped: bool,
}

impl SimLog {
    /// An empty log. All that it draws is drawn from `rng`.
    #[must_use]
    pub fn new(rng: fastrand::Rng, recorder: Recorder, config: SimLogConfig) -> Arc<Self> {
        Self::starting_from(rng, recorder, config, Metadata::default())
    }

    /// A log that goes on from some metadata; what is derived in it is derived anew.
    #[must_use]
    pub fn starting_from(
        rng: fastrand::Rng,
        recorder: Recorder,
        config: SimLogConfig,
        mut metadata: Metadata,
    ) -> Arc<Self> {
        metadata.index();
        let first = Arc::new(metadata.clone());
        let inner = Inner {
            rng,
            state: LogState::new(metadata, config.answers_max),
            history: History::new(first, config.history_max, config.touched_max),
            copies: BTreeMap::new(),
            flights: BTreeMap::new(),
            flights_begun: 0,
            leader_at: Instant::now(),
            own_entries: 0,
            stopped: false,
        };
        Arc::new(Self {
            config,
            recorder,
            inner: Mutex::new(inner),
            decided: Notify::new(),
        })
    }

    /// Waits until something was decided since the last such wait ended; for one who waits.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn decided(&self) {
        self.decided.notified().await;
    }

    /// A handle for a node that starts and has applied all there is. Stops the one that the node had before.
    pub fn store(self: &Arc<Self>, node: NodeId) -> Arc<SimStore> {
        let newest = self.newest();
        self.enlist(node, newest)
    }

    /// A handle for a node that starts again with a copy that is `back` entries older than the one it had. Stops
    /// the one that the node had before.
    pub fn restart(self: &Arc<Self>, node: NodeId, back: usize) -> Arc<SimStore> {
        let older = {
            let inner = self.lock();
            let newest = inner.history.newest().version;
            let had = inner.copies.get(&node).map_or(newest, |(_, version)| *version);
            inner.history.before(had, back)
        };
        self.enlist(node, older)
    }

    /// The newest copy that was decided, wherever it is applied.
    #[must_use]
    pub fn newest(&self) -> Arc<Metadata> {
        Arc::clone(self.lock().history.newest())
    }

    /// What the newest start of a node has applied, or had when it ended.
    #[must_use]
    pub fn applied(&self, node: NodeId) -> Option<Version> {
        self.lock().copies.get(&node).map(|(_, version)| *version)
    }

    /// Gives a node's newest start the newest copy by a snapshot; see [`SimStore::install_snapshot`].
    pub fn install_snapshot(&self, node: NodeId) -> bool {
        let (copy, newest) = {
            let inner = self.lock();
            let copy = inner.copies.get(&node).and_then(|(copy, _)| copy.upgrade());
            (copy, Arc::clone(inner.history.newest()))
        };
        copy.is_some_and(|copy| self.step(&copy, &newest, true))
    }

    /// The leader goes, and for a while there is none. What is under way is drawn for: it goes on, it was not
    /// taken, or its outcome is unknown, and then it may be lost or decided late.
    pub fn change_leader(&self) {
        let told = {
            let mut inner = self.lock();
            let inner = &mut *inner;
            let election = draw(&mut inner.rng, &self.config.election);
            inner.leader_at = inner.leader_at.max(Instant::now() + election);
            // A leader begins with an entry of its own.
            inner.own_entries += 1;
            leader_changed(&mut inner.flights, &mut inner.rng)
        };
        for (proposer, error) in told {
            // Who does not wait any more need not be told.
            let _ = proposer.send(Err(error));
        }
    }

    /// Stops every handle, those to come included. Nothing is decided any more.
    pub fn stop(&self) {
        let (copies, flights) = {
            let mut inner = self.lock();
            inner.stopped = true;
            (inner.live_copies(), std::mem::take(&mut inner.flights))
        };
        copies.iter().for_each(|copy| copy.stop());
        drop(flights);
    }

    /// Whether no proposal is under way, nor one that is decided late.
    pub(crate) fn is_idle(&self) -> bool {
        self.lock().flights.is_empty()
    }

    pub(super) fn touched(&self, after: Version, upto: Version) -> Touched {
        self.lock().history.touched(after, upto)
    }

    /// Sends a proposal on its way. Whoever decides it does so whether the answer is waited for or not.
    pub(super) fn launch(
        self: &Arc<Self>,
        proposal: Proposal,
    ) -> Result<oneshot::Receiver<Verdict>, ProposeError> {
        let (len, max) = (proposal.changes.len(), self.config.proposal_changes_max);
        if len > max {
            return Err(ProposeError::TooLarge { len, max });
        }
        let (proposer, answer) = oneshot::channel();
        let (id, way) = {
            let mut inner = self.lock();
            if inner.stopped {
                return Err(StoreStopped.into());
            }
            let leaderless = inner.leader_at > Instant::now();
            if leaderless && inner.rng.bool() {
                return Err(ProposeError::NotTaken("there is no leader".to_owned()));
            }
            inner.flights_begun += 1;
            let id = inner.flights_begun;
            let flight = Flight {
                proposal,
                proposer: Some(proposer),
                answer: None,
            };
            inner.flights.insert(id, flight);
            (id, draw(&mut inner.rng, &self.config.way))
        };
        let log = Arc::clone(self);
        tokio::spawn(async move {
            sleep(way).await;
            log.fly(id).await;
        });
        Ok(answer)
    }

    /// Has a proposal decided once there is a leader, unless it was lost, and answers it.
    async fn fly(self: Arc<Self>, id: u64) {
        self.leader().await;
        let late = {
            let mut inner = self.lock();
            let Some(flight) = inner.flights.get(&id) else {
                return;
            };
            if flight.proposer.is_none() {
                Some(draw(&mut inner.rng, &self.config.late))
            } else if flight.proposer.as_ref().is_some_and(oneshot::Sender::is_closed) && inner.rng.bool() {
                // Its proposer went away before it had told anybody.
                inner.flights.remove(&id);
                return;
            } else {
                None
            }
        };
        if let Some(late) = late {
            sleep(late).await;
            self.leader().await;
        }
        let Some(way) = self.decide(id) else { return };
        sleep(way).await;
        let flight = self.lock().flights.remove(&id);
        if let Some(Flight {
            proposer: Some(proposer),
            answer: Some(answer),
            ..
        }) = flight
        {
            // Who does not wait any more need not be told.
            let _ = proposer.send(Ok(answer));
        }
    }

    /// Decides a proposal that is still under way, and has every node apply it; answers how long its answer takes.
    fn decide(self: &Arc<Self>, id: u64) -> Option<std::time::Duration> {
        let (decided, newest, copies, way) = {
            let mut inner = self.lock();
            let inner = &mut *inner;
            let flight = inner.flights.get_mut(&id)?;
            let way = draw(&mut inner.rng, &self.config.way);
            if let Some(answer) = inner.state.recall(flight.proposal.request) {
                flight.answer = Some(answer.clone());
                return Some(way);
            }
            let before = inner.state.metadata().version.as_u64();
            let version = Version::new(before.saturating_add(1 + std::mem::take(&mut inner.own_entries)));
            let decided = inner.state.decide(version, &flight.proposal);
            flight.answer = Some(decided.answer.clone());
            let newest = Arc::new(inner.state.metadata().clone());
            inner.history.push(Arc::clone(&newest), decided.touched.clone());
            (decided, newest, inner.live_copies(), way)
        };
        // Outside the lock: whoever is told may look at the log, and is woken.
        let Decided {
            answer: Answer { outcomes, .. },
            touched,
            ..
        } = decided;
        self.recorder.record(Event::Decided {
            metadata: newest,
            outcomes,
            touched: touched.into_iter().collect(),
        });
        copies.iter().for_each(|copy| self.follow(copy));
        self.decided.notify_one();
        Some(way)
    }

    /// Asks whoever decides, and waits for the answer.
    pub(super) async fn ask_leader(&self) {
        let way = draw(&mut self.lock().rng, &self.config.way);
        sleep(way).await;
        self.leader().await;
    }

    /// Waits until there is a leader.
    async fn leader(&self) {
        loop {
            let leader_at = self.lock().leader_at;
            if leader_at <= Instant::now() {
                return;
            }
            sleep_until(leader_at).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing under the lock panics, so a poisoned lock guards a whole state.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn live_copies(&self) -> Vec<Arc<Copy>> {
        self.copies
            .values()
            .filter_map(|(copy, _)| copy.upgrade())
            .collect()
    }
}
