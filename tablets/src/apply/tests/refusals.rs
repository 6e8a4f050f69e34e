//! What is refused, and that it then changes nothing.

use super::*;

#[test]
fn a_change_that_names_another_epoch_is_refused() {
    for kind in KINDS {
        let mut cluster = Cluster::new();
        let actual = cluster.epoch();
        let stale = |change: Change| match change {
            Change::Begin {
                tablet,
                kind,
                leaving,
                pending,
                purge_floor,
                ..
            } => {
                let expected = Epoch::new(actual.as_u64() - 1);
                Change::Begin {
                    tablet,
                    expected,
                    kind,
                    leaving,
                    pending,
                    purge_floor,
                    reason: Reason::Operator,
                }
            }
            other => other,
        };
        cluster.refuse(stale(cluster.beginning(kind, 1, 4)), Refused::Epoch { actual });
        cluster.begin(kind);
        // A repeat of what was accepted is one of them.
        let advance = cluster.advancing(cluster.transition().stage.next());
        cluster.accept(advance.clone());
        let actual = cluster.epoch();
        cluster.refuse(advance, Refused::Epoch { actual });
        for expected in [Epoch::new(0), actual.next(), Epoch::MAX, Epoch::new(u64::MAX)] {
            let to = cluster.transition().stage.next();
            cluster.refuse(
                Change::Advance {
                    tablet: T,
                    expected,
                    to,
                },
                Refused::Epoch { actual },
            );
            let allow = Change::AllowFewerSources { tablet: T, expected };
            cluster.refuse(allow, Refused::Epoch { actual });
        }
    }
}

#[test]
fn what_is_not_there_is_refused() {
    let mut cluster = Cluster::new();
    let (tablet, expected) = (TabletId::new(9), Epoch::new(1));
    let kind = TransitionKind::Migration;
    let (leaving, pending) = (Some(n(1)), Some(n(4)));
    for change in [
        Change::Begin {
            tablet,
            expected,
            kind,
            leaving,
            pending,
            purge_floor: 0,
            reason: Reason::Operator,
        },
        Change::Advance {
            tablet,
            expected,
            to: None,
        },
        Change::Cancel {
            tablet,
            begun: expected,
        },
        Change::AllowFewerSources { tablet, expected },
    ] {
        cluster.refuse(change, Refused::NoTablet(tablet));
    }
    let table = TableId::new(9);
    cluster.refuse(Change::DropTable { table }, Refused::NoTable(table));
    for to in [None, Some(Stage::WriteBothReadOld)] {
        cluster.refuse(cluster.advancing(to), Refused::NoTransition(T));
    }
    let begun = cluster.epoch();
    cluster.refuse(Change::Cancel { tablet: T, begun }, Refused::NoTransition(T));
    cluster.refuse(
        Change::AllowFewerSources {
            tablet: T,
            expected: begun,
        },
        Refused::NoTransition(T),
    );
}

#[test]
fn a_tablet_has_at_most_one_transition() {
    for first in KINDS {
        let mut cluster = Cluster::new();
        cluster.begin(first);
        for second in KINDS {
            cluster.refuse(cluster.beginning(second, 2, 5), Refused::InTransition(T));
        }
    }
}

#[test]
fn a_move_that_makes_no_sense_is_refused() {
    use TransitionKind::*;
    let mut cluster = Cluster::new();
    cluster.exclude(6);
    let move_of =
        |cluster: &Cluster, kind, leaving: Option<u64>, pending: Option<u64>, purge_floor| Change::Begin {
            tablet: T,
            expected: cluster.epoch(),
            kind,
            leaving: leaving.map(n),
            pending: pending.map(n),
            purge_floor,
            reason: Reason::Operator,
        };
    let both = "a leaving replica and a pending one have to be named";
    for (kind, leaving, pending, floor, why) in [
        (
            Migration,
            Some(1),
            Some(2),
            0,
            Refused::invalid("the pending node is a replica already"),
        ),
        (
            Migration,
            Some(1),
            Some(1),
            0,
            Refused::invalid("the pending node is a replica already"),
        ),
        (
            Migration,
            Some(4),
            Some(5),
            0,
            Refused::invalid("the leaving node is no replica"),
        ),
        (Migration, Some(1), Some(9), 0, Refused::NoNode(n(9))),
        (Migration, Some(1), Some(6), 0, Refused::NoNode(n(6))),
        (
            Migration,
            Some(1),
            Some(4),
            7,
            Refused::invalid("only a purge has a floor"),
        ),
        (Migration, None, Some(4), 0, Refused::invalid(both)),
        (Migration, Some(1), None, 0, Refused::invalid(both)),
        (Rebuild, None, None, 0, Refused::invalid(both)),
        (
            Rebuild,
            Some(1),
            Some(4),
            0,
            Refused::invalid("a rebuild replaces an excluded replica"),
        ),
        (
            Purge,
            Some(1),
            Some(4),
            5,
            Refused::invalid("a purge changes no replica"),
        ),
        (
            Purge,
            None,
            Some(4),
            5,
            Refused::invalid("a purge changes no replica"),
        ),
        (
            Purge,
            None,
            None,
            u64::MAX,
            Refused::invalid("no clock can go above that floor"),
        ),
        (
            Purge,
            None,
            None,
            0,
            Refused::invalid("a purge's floor lies above that of the purges before"),
        ),
    ] {
        cluster.refuse(move_of(&cluster, kind, leaving, pending, floor), why);
    }
    cluster.exclude(1);
    cluster.refuse(
        move_of(&cluster, Migration, Some(1), Some(4), 0),
        Refused::NoNode(n(1)),
    );
    cluster.begin_purge_through(20);
    let why = Refused::invalid("a purge's floor lies above that of the purges before");
    for floor in [1, 19, 20] {
        cluster.refuse(move_of(&cluster, Purge, None, None, floor), why.clone());
    }
    cluster.accept(move_of(&cluster, Purge, None, None, 21));
}

impl Cluster {
    fn begin_purge_through(&mut self, purge_floor: u64) {
        let (expected, kind) = (self.epoch(), TransitionKind::Purge);
        self.accept(Change::Begin {
            tablet: T,
            expected,
            kind,
            leaving: None,
            pending: None,
            purge_floor,
            reason: Reason::Operator,
        });
        for to in [Some(Stage::Purge), Some(Stage::EndPurge), None] {
            self.advance(to);
        }
    }
}

#[test]
fn a_table_that_makes_no_sense_is_refused() {
    let mut cluster = Cluster::new();
    cluster.exclude(6);
    let without = Refused::invalid("a table without replicas");
    for (replicas, why) in [
        (vec![], without.clone()),
        (vec![set([])], without.clone()),
        (vec![set([1]), set([])], without),
        (vec![set([1]), set([2, 9])], Refused::NoNode(n(9))),
        (vec![set([6])], Refused::NoNode(n(6))),
        (
            vec![set([1]); Table::TABLETS_MAX as usize + 1],
            Refused::invalid("a table of too many tablets"),
        ),
    ] {
        cluster.refuse(
            Change::CreateTable {
                name: "u".to_owned(),
                replicas,
            },
            why,
        );
    }
    let taken = cluster.tablet().table;
    cluster.refuse(
        Change::CreateTable {
            name: "t".to_owned(),
            replicas: vec![set([1])],
        },
        Refused::TableExists(taken),
    );
    let name = "u".repeat(Table::NAME_BYTES_MAX + 1);
    let why = Refused::invalid("the name of a table is too long");
    cluster.refuse(
        Change::CreateTable {
            name,
            replicas: vec![set([1])],
        },
        why,
    );
}

#[test]
fn fewer_sources_are_for_a_rebuild_that_has_not_pulled_yet() {
    let allow = |cluster: &Cluster| Change::AllowFewerSources {
        tablet: T,
        expected: cluster.epoch(),
    };
    for kind in [TransitionKind::Migration, TransitionKind::Purge] {
        let mut cluster = Cluster::new();
        cluster.begin(kind);
        let why = Refused::invalid("only a rebuild can go on with fewer sources");
        cluster.refuse(allow(&cluster), why);
    }
    let late = Refused::invalid("the rebuild has pulled already, or goes back");
    let mut cluster = Cluster::new();
    cluster.begin(TransitionKind::Rebuild);
    let mut back = cluster.clone();
    back.advance(Some(Stage::CleanupTarget));
    back.refuse(allow(&back), late.clone());
    cluster.accept(allow(&cluster));
    let twice = Refused::invalid("the rebuild may go on with fewer sources already");
    cluster.refuse(allow(&cluster), twice);
    cluster.forward_to(Stage::WriteBothReadNew);
    cluster.refuse(allow(&cluster), late);
}

#[test]
fn numbers_that_are_used_up_are_refused() {
    let why = Refused::invalid("the tablet's epochs are used up");
    for kind in KINDS {
        let mut cluster = Cluster::new();
        let at = |cluster: &mut Cluster, epoch| {
            let tablet = Tablet {
                epoch,
                ..cluster.tablet().clone()
            };
            cluster.metadata.tablets.insert_mut(T, tablet);
        };
        for epoch in [Epoch::MAX, Epoch::new(u64::MAX)] {
            let mut full = cluster.clone();
            if kind == TransitionKind::Rebuild {
                full.exclude(1);
            }
            at(&mut full, epoch);
            full.refuse(full.beginning(kind, 1, 4), why.clone());
        }
        cluster.begin(kind);
        at(&mut cluster, Epoch::MAX);
        cluster.refuse(cluster.advancing(cluster.transition().stage.next()), why.clone());
        let begun = cluster.transition().begun;
        let cancel = Change::Cancel { tablet: T, begun };
        match kind {
            TransitionKind::Purge => cluster.refuse(cancel, Refused::TooLate { stage: Stage::Fill }),
            _ => cluster.refuse(cancel, why.clone()),
        }
    }

    let mut cluster = Cluster::new();
    cluster.metadata.next_tablet = u64::MAX;
    let create = Change::CreateTable {
        name: "u".to_owned(),
        replicas: vec![set([1])],
    };
    cluster.refuse(
        create,
        Refused::invalid("the numbers of tables or tablets are used up"),
    );
}
