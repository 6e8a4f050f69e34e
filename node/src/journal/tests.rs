//! What is in the journal of moves that end, go back, or pass unseen; and how much of it is kept.

use std::sync::Arc;

use tidegate_tablets::{
    Change, Epoch, Metadata, NodeId, Reason, Stage, Touched, TransitionKind, Update, Version,
};

use super::book::{ENTRIES_MAX, MOVES_MAX, MOVES_PER_TABLET};
use super::*;
use crate::api::{JournalEvent, MoveOutcome};

struct Cluster {
    metadata: Metadata,
    version: u64,
    book: Book,
    now_ms: u64,
}

impl Cluster {
    fn new(tablets: usize) -> Self {
        let mut cluster = Self {
            metadata: Metadata::default(),
            version: 0,
            book: Book::default(),
            now_ms: 0,
        };
        for node in 1..=4 {
            let node = NodeId::new(node);
            cluster.change(&Change::AddNode { node });
        }
        let replicas = vec![[1, 2, 3].map(NodeId::new).into(); tablets];
        let name = "t".to_owned();
        cluster.change(&Change::CreateTable { name, replicas });
        cluster
    }

    /// A second later.
    fn change(&mut self, change: &Change) {
        self.version += 1;
        self.now_ms += 1000;
        let applied = self.metadata.apply(Version::new(self.version), change);
        applied.outcome.expect("is accepted");
        let update = Update {
            metadata: Arc::new(self.metadata.clone()),
            touched: Touched::Tablets(applied.touched),
        };
        self.book.note_update(&update, self.now_ms);
    }

    fn epoch(&self, tablet: TabletId) -> Epoch {
        self.metadata.tablets[&tablet].epoch
    }

    fn begin(&mut self, tablet: TabletId, leaving: u64, pending: u64) {
        let expected = self.epoch(tablet);
        self.change(&Change::Begin {
            tablet,
            expected,
            kind: TransitionKind::Migration,
            leaving: Some(NodeId::new(leaving)),
            pending: Some(NodeId::new(pending)),
            purge_floor: 0,
            reason: Reason::Operator,
        });
    }

    fn advance(&mut self, tablet: TabletId, to: Option<Stage>) {
        let expected = self.epoch(tablet);
        self.change(&Change::Advance { tablet, expected, to });
    }

    fn go_back(&mut self, tablet: TabletId) {
        for to in [Some(Stage::CleanupTarget), Some(Stage::RevertMigration), None] {
            self.advance(tablet, to);
        }
    }
}

const T: TabletId = TabletId::new(0);

#[test]
fn a_move_that_completes_has_all_its_stages_and_how_long_they_took() {
    let mut cluster = Cluster::new(1);
    cluster.begin(T, 1, 4);
    while let Some(transition) = cluster.metadata.tablets[&T].transition.clone() {
        cluster.advance(T, transition.stage.next());
    }
    let moves = cluster.book.moves(Some(T), 10);
    assert_eq!(moves.len(), 1);
    assert_eq!(moves[0].outcome, MoveOutcome::Completed);
    assert_eq!((moves[0].stages.len(), moves[0].took_ms), (7, Some(7000)));
    assert!(moves[0].stages.iter().all(|stage| stage.took_ms == Some(1000)));
    assert!(moves[0].stages[1].session.is_some());
    let entries = cluster.book.entries(None, 100);
    assert_eq!(entries.len(), 9);
    assert!(matches!(
        entries[0].what,
        JournalEvent::Began { pending: Some(4), .. }
    ));
    assert!(matches!(
        entries[8].what,
        JournalEvent::Ended {
            outcome: MoveOutcome::Completed,
            took_ms: 7000
        }
    ));
}

#[test]
fn a_move_that_goes_back_says_why_once() {
    let mut cluster = Cluster::new(1);
    cluster.begin(T, 1, 4);
    let begun = cluster.epoch(T);
    cluster.go_back(T);
    let ended = EndedTransition {
        tablet: T,
        begun,
        last_stage: Stage::RevertMigration,
        last_error: Some("disk full".to_owned()),
        went_back: Some("its retries are used up".to_owned()),
    };
    for _ in 0..3 {
        cluster.book.note_ended(&ended, 1);
    }
    let moves = cluster.book.moves(None, 10);
    assert_eq!(moves[0].outcome, MoveOutcome::WentBack);
    assert_eq!(moves[0].went_back.as_deref(), Some("its retries are used up"));
    assert_eq!(moves[0].last_error.as_deref(), Some("disk full"));
    let entries = cluster.book.entries(None, 100);
    let whys = entries
        .iter()
        .filter(|it| matches!(it.what, JournalEvent::GoesBack { .. }));
    assert_eq!(whys.count(), 1);
}

#[test]
fn why_a_move_goes_back_is_known_while_it_does() {
    let mut cluster = Cluster::new(1);
    cluster.begin(T, 1, 4);
    let mut status = TransitionStatus {
        tablet: T,
        kind: TransitionKind::Migration,
        begun: cluster.epoch(T),
        stage: Stage::CleanupTarget,
        attempts: 0,
        waiting_for: tidegate_coordinator::WaitingFor::Change,
        last_error: None,
        went_back: Some("its retries are used up".to_owned()),
        gave_up: false,
    };
    cluster.book.note_running(&status, 1);
    status.went_back = None;
    cluster.book.note_running(&status, 2);
    let running = &cluster.book.moves(None, 1)[0];
    assert_eq!(running.outcome, MoveOutcome::Running);
    assert_eq!(running.went_back.as_deref(), Some("its retries are used up"));
}

#[test]
fn a_cancel_is_taken_down_before_the_move_itself_was_seen() {
    let mut cluster = Cluster::new(1);
    let book = std::mem::take(&mut cluster.book);
    cluster.begin(T, 1, 4);
    let (begun, metadata) = (cluster.epoch(T), cluster.metadata.clone());
    cluster.book = book;
    for _ in 0..2 {
        let why = "an operator cancelled it";
        cluster.book.note_back(&metadata, T, begun.as_u64(), why, 1);
    }
    let moves = cluster.book.moves(None, 10);
    assert_eq!(moves[0].went_back.as_deref(), Some("an operator cancelled it"));
    assert_eq!(
        cluster.book.entries(None, 100).len(),
        3,
        "begins, its stage, goes back"
    );
}

#[test]
fn states_that_were_skipped_leave_an_end_all_the_same() {
    let mut cluster = Cluster::new(2);
    cluster.begin(T, 1, 4);
    // Unseen: it completes, and the next one begins.
    let book = std::mem::take(&mut cluster.book);
    while let Some(transition) = cluster.metadata.tablets[&T].transition.clone() {
        cluster.advance(T, transition.stage.next());
    }
    cluster.begin(T, 4, 1);
    cluster.book = book;
    let all = Update {
        metadata: Arc::new(cluster.metadata.clone()),
        touched: Touched::All,
    };
    cluster.book.note_update(&all, 50_000);
    let moves = cluster.book.moves(Some(T), 10);
    assert_eq!(moves.len(), 2);
    assert_eq!(
        (moves[0].outcome, moves[1].outcome),
        (MoveOutcome::Running, MoveOutcome::Completed)
    );
    let table = cluster.metadata.tablets[&T].table;
    cluster.change(&Change::DropTable { table });
    assert_eq!(
        cluster.book.moves(Some(T), 1)[0].outcome,
        MoveOutcome::TableDropped
    );
}

#[test]
fn what_is_kept_is_bounded_of_each_tablet_and_in_all() {
    let mut cluster = Cluster::new(1);
    for _ in 0..40 {
        cluster.begin(T, 1, 4);
        cluster.go_back(T);
    }
    let moves = cluster.book.moves(None, usize::MAX);
    assert_eq!(moves.len(), MOVES_PER_TABLET);
    assert!(moves[0].begun > moves[1].begun, "the newest first");

    let mut cluster = Cluster::new(MOVES_MAX + 10);
    for tablet in 0..(MOVES_MAX as u64 + 10) {
        cluster.begin(TabletId::new(tablet), 1, 4);
    }
    assert_eq!(cluster.book.moves(None, usize::MAX).len(), MOVES_MAX);
    assert_eq!(cluster.book.entries(None, usize::MAX).len(), ENTRIES_MAX);
    assert!(cluster.book.moves(Some(T), 1).is_empty(), "the oldest went first");
}

#[test]
fn the_same_failure_again_is_counted_and_no_line_of_its_own() {
    let mut cluster = Cluster::new(1);
    cluster.begin(T, 1, 4);
    let mut status = TransitionStatus {
        tablet: T,
        kind: TransitionKind::Migration,
        begun: cluster.epoch(T),
        stage: Stage::AllowWriteBothReadOld,
        attempts: 0,
        waiting_for: tidegate_coordinator::WaitingFor::Change,
        last_error: None,
        went_back: None,
        gave_up: false,
    };
    for attempts in 1..=3 {
        status.attempts = attempts;
        status.last_error = Some("node 4 cannot be reached".to_owned());
        cluster.book.note_running(&status, 1);
    }
    assert_eq!(cluster.book.moves(None, 1)[0].retries, 3);
    let entries = cluster.book.entries(None, 100);
    let retries = entries
        .iter()
        .filter(|it| matches!(it.what, JournalEvent::Retry { .. }));
    assert_eq!(retries.count(), 1);
}
