//! What goes first.

use super::*;

#[test]
fn an_operators_move_goes_before_a_rebuild_before_a_drain_before_balance() {
    let mut metadata = Metadata::default();
    let mut apply = |change: Change| {
        let version = Version::new(metadata.version.as_u64() + 1);
        let applied = metadata.apply(version, &change);
        assert!(applied.outcome.is_ok(), "{change:?}: {:?}", applied.outcome);
    };
    for node in 1..=4 {
        apply(Change::AddNode { node: n(node) });
    }
    apply(Change::SetBalancing { on: true });
    let replicas = vec![[1, 2, 3].map(n).into(); 8];
    apply(Change::CreateTable {
        name: "t".to_owned(),
        replicas,
    });
    apply(Change::Exclude {
        node: n(1),
        give_up_quorum: false,
    });
    // The later the tablet, the more urgent; two of each.
    for tablet in 0..8 {
        let reason = Reason::ALL[3 - tablet as usize / 2];
        let (kind, leaving) = match reason {
            Reason::Rebuild => (TransitionKind::Rebuild, n(1)),
            _ => (TransitionKind::Migration, n(2)),
        };
        apply(Change::Begin {
            tablet: TabletId::new(tablet),
            expected: Epoch::new(1),
            kind,
            leaving: Some(leaving),
            pending: Some(n(4)),
            purge_floor: 0,
            reason,
        });
    }
    let mut progress = Progress::new(RetryConfig::default());
    progress.observe(&metadata, &Touched::All, 0);
    let tablet = |action: &Action| match action {
        Action::Barrier { tablet, .. } => tablet.as_u64(),
        other => panic!("{other:?}"),
    };
    let mut order: Vec<u64> = plan(&metadata, &progress, 0).iter().map(tablet).collect();
    order.dedup();
    assert_eq!(order, [6, 7, 4, 5, 2, 3, 0, 1]);
}
