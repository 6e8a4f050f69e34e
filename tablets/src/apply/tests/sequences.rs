//! Random sequences of changes, and what holds after each of them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use tidegate_guard::SessionId;

use super::*;

/// A change that is not yet aimed: what its numbers mean depends on the metadata it meets.
#[derive(Debug, Clone)]
struct Wish {
    what: u8,
    tablet: u64,
    nodes: (u64, u64),
    // Names the epoch that is right, if it is zero.
    stale: u8,
    more: u64,
}

fn wish() -> impl Strategy<Value = Wish> {
    (0..40u8, 0..4u64, (0..8u64, 0..12u64), 0..8u8, any::<u64>()).prop_map(
        |(what, tablet, nodes, stale, more)| Wish {
            what,
            tablet,
            nodes,
            stale,
            more,
        },
    )
}

impl Wish {
    fn aimed(&self, metadata: &Metadata) -> Change {
        let tablet = TabletId::new(self.tablet);
        let known = metadata.tablets.get(&tablet);
        let epoch = known.map_or(Epoch::new(0), |tablet| tablet.epoch);
        let expected = if self.stale == 1 {
            Epoch::new(epoch.as_u64().wrapping_sub(1))
        } else {
            epoch
        };
        let transition = known.and_then(|tablet| tablet.transition.as_ref());
        let (a, b) = (n(self.nodes.0), n(self.nodes.1));
        match self.what {
            0 => Change::AddNode { node: a },
            1 => Change::Exclude {
                node: a,
                give_up_quorum: self.stale == 2,
            },
            2 => Change::CreateTable {
                name: String::new(),
                replicas: vec![[a, b].into(), [b].into()],
            },
            3 if self.stale < 2 => Change::DropTable {
                table: TableId::new(self.nodes.0 / 2),
            },
            4 => Change::AllowFewerSources { tablet, expected },
            5 => {
                let begun = transition.map_or(expected, |transition| transition.begun);
                Change::Cancel {
                    tablet,
                    begun: if self.stale == 1 { expected } else { begun },
                }
            }
            6..=12 => self.begin(tablet, expected, known, metadata),
            13..=14 => Change::Advance {
                tablet,
                expected,
                to: transition.and_then(|t| t.stage.back()),
            },
            15 => {
                let to = Stage::ALL.get((self.more % 14) as usize).copied();
                Change::Advance { tablet, expected, to }
            }
            16 => Change::SetBalancing {
                on: self.stale.is_multiple_of(2),
            },
            _ => Change::Advance {
                tablet,
                expected,
                to: transition.and_then(|t| t.stage.next()),
            },
        }
    }

    fn begin(
        &self,
        tablet: TabletId,
        expected: Epoch,
        known: Option<&Tablet>,
        metadata: &Metadata,
    ) -> Change {
        let replicas = known.map(|tablet| tablet.replicas.clone()).unwrap_or_default();
        let lost = replicas.iter().find(|node| metadata.is_excluded(**node));
        let leaving = lost.or(replicas.first()).copied();
        let leaving = if self.stale == 3 {
            Some(n(self.nodes.0))
        } else {
            leaving
        };
        let pending = Some(n(self.nodes.1));
        if self.what == 6 {
            let (kind, purge_floor) = (TransitionKind::Purge, self.more);
            return Change::Begin {
                tablet,
                expected,
                kind,
                leaving: None,
                pending: None,
                purge_floor,
                reason: Reason::Operator,
            };
        }
        let excluded = leaving.is_some_and(|node| metadata.is_excluded(node));
        let kind = if excluded {
            TransitionKind::Rebuild
        } else {
            TransitionKind::Migration
        };
        Change::Begin {
            tablet,
            expected,
            kind,
            leaving,
            pending,
            purge_floor: 0,
            reason: Reason::Operator,
        }
    }
}

/// What has been seen so far.
#[derive(Default)]
struct Seen {
    sessions: BTreeSet<SessionId>,
    gone: BTreeSet<TabletId>,
    events: Vec<TransitionEvent>,
}

fn check(before: &Metadata, after: &Metadata, change: &Change, applied: &Applied, seen: &mut Seen) {
    let mut same = before.clone();
    same.version = after.version;
    if applied.outcome.is_err() {
        assert_eq!(&same, after, "refused, and changed something");
        assert!(applied.touched.is_empty() && applied.event.is_none());
        return;
    }
    check_tablets(before, after, change, applied, seen);
    check_sessions(before, after, seen);
    seen.events.extend(applied.event);

    let mut indexed = after.clone();
    indexed.index();
    assert_eq!(&indexed, after, "the index is kept");
    assert!(before.next_tablet <= after.next_tablet && before.next_table <= after.next_table);
    for (node, info) in before.nodes.iter() {
        assert!(
            after
                .nodes
                .get(node)
                .is_some_and(|now| now.excluded || !info.excluded),
            "for ever"
        );
    }
}

fn check_tablets(before: &Metadata, after: &Metadata, change: &Change, applied: &Applied, seen: &mut Seen) {
    for (id, tablet) in after.tablets.iter() {
        assert!(!seen.gone.contains(id), "a number came back");
        let Some(was) = before.tablets.get(id) else {
            assert!(applied.touched.contains(id));
            continue;
        };
        if was == tablet {
            continue;
        }
        assert!(applied.touched.contains(id), "{id} changed and is not listed");
        assert_eq!(tablet.epoch, was.epoch.next(), "one more for each change");
        assert_eq!(applied.outcome, Ok(Accepted::Epoch(tablet.epoch)));
        assert_eq!(
            tablet.replicas.len(),
            was.replicas.len(),
            "replicas are replaced one by one"
        );
        assert!(tablet.replicas.difference(&was.replicas).count() <= 1);
        assert!(tablet.purge_floor >= was.purge_floor);
        assert_eq!((tablet.table, tablet.range), (was.table, was.range));
    }
    for id in before.tablets.keys().filter(|id| after.tablets.get(id).is_none()) {
        assert!(matches!(change, Change::DropTable { .. }) && applied.touched.contains(id));
        seen.gone.insert(*id);
    }
    for transition in after
        .tablets
        .values()
        .filter_map(|tablet| tablet.transition.as_ref())
    {
        assert_eq!(transition.old.len(), transition.new.len());
        assert_eq!(
            transition.leaving().is_some(),
            transition.kind != TransitionKind::Purge
        );
        assert_eq!(
            transition.old.difference(&transition.new).count(),
            transition.leaving().iter().count()
        );
    }
}

fn check_sessions(before: &Metadata, after: &Metadata, seen: &mut Seen) {
    let sessions = |metadata: &Metadata| -> BTreeMap<SessionId, (TabletId, Epoch)> {
        let of = |(id, tablet): (&TabletId, &Tablet)| {
            let (session, epoch) = tablet.transition.as_ref()?.session?;
            Some((session, (*id, epoch)))
        };
        metadata.tablets.iter().filter_map(of).collect()
    };
    let (was, now) = (sessions(before), sessions(after));
    for (session, (tablet, epoch)) in &now {
        assert_eq!(TabletId::of_session(*session), *tablet);
        assert_eq!(tablet.session_at(*epoch), *session);
        assert_eq!(
            seen.sessions.insert(*session),
            !was.contains_key(session),
            "an id came twice"
        );
    }
}

/// A cluster like any: some nodes, and a table on them.
fn start() -> Metadata {
    let mut metadata = Cluster::new().metadata;
    let replicas = vec![set([1, 2]), set([3])];
    metadata.apply(
        Version::new(9),
        &Change::CreateTable {
            name: String::new(),
            replicas,
        },
    );
    metadata
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_keeps_the_invariants(wishes in prop::collection::vec(wish(), 1..160)) {
        let mut metadata = start();
        let mut seen = Seen::default();
        for (at, wish) in wishes.iter().enumerate() {
            let before = metadata.clone();
            let change = wish.aimed(&before);
            let version = Version::new(100 + at as u64);
            let applied = metadata.apply(version, &change);
            check(&before, &metadata, &change, &applied, &mut seen);

            let mut again = before.clone();
            prop_assert_eq!(again.apply(version, &change), applied, "another node decides the same");
            prop_assert_eq!(&again, &metadata);
        }
    }

    #[test]
    fn no_number_makes_it_panic(
        numbers in prop::collection::vec(prop_oneof![any::<u64>(), 0..5u64, Just(u64::MAX)], 6),
        what in 0..14u8,
        at in prop_oneof![Just(1), Just(Epoch::MAX.as_u64()), Just(u64::MAX)],
        stage in 0..13usize,
    ) {
        let mut cluster = Cluster::new();
        cluster.begin(TransitionKind::Migration);
        let transition = Transition { stage: Stage::ALL[stage], ..cluster.transition().clone() };
        let tablet = Tablet { epoch: Epoch::new(at), transition: Some(transition), ..cluster.tablet().clone() };
        cluster.metadata.tablets.insert_mut(T, tablet);
        let [a, b, c, d, e, f] = numbers[..] else { unreachable!() };
        let (tablet, expected) = (TabletId::new(a), Epoch::new(b));
        let (leaving, pending) = (Some(n(c)), Some(n(d)));
        let change = match what {
            0 => Change::AddNode { node: n(c) },
            1 => Change::Exclude { node: n(c), give_up_quorum: d % 2 == 0 },
            2 => Change::CreateTable { name: String::new(), replicas: vec![[n(c), n(d)].into()] },
            3 => Change::DropTable { table: TableId::new(a) },
            4 => Change::Cancel { tablet, begun: expected },
            5 => Change::AllowFewerSources { tablet, expected: Epoch::new(at) },
            6 => Change::Begin { tablet, expected, kind: KINDS[(e % 3) as usize], leaving, pending, purge_floor: f, reason: Reason::ALL[(f % 4) as usize] },
            7 => Change::Advance { tablet: T, expected: Epoch::new(at), to: None },
            8 => Change::SetRack { node: n(c), rack: Some("r".repeat(f as usize % 300)) },
            9 => Change::Drain { node: n(c) },
            10 => Change::SetPermits { permits: StreamPermits { sends: Some(f as u32), receives: Some(e as u32) } },
            11 => Change::SetBalancing { on: f % 2 == 0 },
            12 => Change::SetAddress { node: n(c), address: NodeAddress { transport: "a".repeat(f as usize % 600), admin: "b".repeat(e as usize % 600) } },
            _ => Change::Advance { tablet: T, expected: Epoch::new(at), to: Stage::ALL.get((e % 14) as usize).copied() },
        };
        let _ = cluster.metadata.apply(Version::new(f), &change);
    }

    #[test]
    fn a_session_names_its_tablet_and_epoch(
        tablet in prop_oneof![any::<u64>(), Just(0), Just(u64::MAX)],
        epoch in prop_oneof![0..=Epoch::MAX.as_u64(), Just(0), Just(Epoch::MAX.as_u64())],
        other in (any::<u64>(), 0..=Epoch::MAX.as_u64()),
    ) {
        let (tablet, epoch) = (TabletId::new(tablet), Epoch::new(epoch));
        let session = tablet.session_at(epoch);
        prop_assert_eq!(TabletId::of_session(session), tablet);
        prop_assert_eq!(session.as_u128() as u64 & Epoch::MAX.as_u64(), epoch.as_u64());
        prop_assert_eq!(session.as_uuid().get_version_num(), 8);
        prop_assert_eq!(session.as_uuid().get_variant(), uuid::Variant::RFC4122);
        let other = (TabletId::new(other.0), Epoch::new(other.1));
        prop_assert_eq!(other.0.session_at(other.1) == session, other == (tablet, epoch));
    }
}

/// The sequences above would prove little if they were all refused.
#[test]
fn random_sequences_get_far() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let wishes = prop::collection::vec(wish(), 160);
    let mut seen = Seen::default();
    for _ in 0..64 {
        let mut metadata = start();
        let wishes = wishes.new_tree(&mut runner).expect("a sequence").current();
        for wish in wishes {
            let change = wish.aimed(&metadata);
            seen.events.extend(metadata.apply(Version::new(1), &change).event);
        }
    }
    for kind in KINDS {
        assert!(
            seen.events.contains(&TransitionEvent::Completed(kind)),
            "no {kind} was completed"
        );
        let back = seen.events.contains(&TransitionEvent::RolledBack(kind));
        assert_eq!(back, kind != TransitionKind::Purge, "{kind}: {back}");
    }
}
