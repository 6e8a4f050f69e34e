//! Racks, draining, permits, and on whose behalf a transition begins.

use super::*;

fn rack(name: &str) -> Change {
    Change::SetRack {
        node: n(1),
        rack: Some(name.to_owned()),
    }
}

fn with_reason(change: Change, reason: Reason) -> Change {
    match change {
        Change::Begin {
            tablet,
            expected,
            kind,
            leaving,
            pending,
            purge_floor,
            ..
        } => Change::Begin {
            tablet,
            expected,
            kind,
            leaving,
            pending,
            purge_floor,
            reason,
        },
        other => other,
    }
}

#[test]
fn a_rack_is_known_until_it_is_taken_back_and_outlives_an_exclusion() {
    let mut cluster = Cluster::new();
    let info = |cluster: &Cluster| cluster.metadata.nodes[&n(1)].clone();
    assert_eq!(info(&cluster).rack, None);
    let applied = cluster.accept(rack("a"));
    assert!(applied.touched.is_empty(), "no tablet is changed by a rack");
    assert_eq!(info(&cluster).rack.as_deref(), Some("a"));
    cluster.accept(Change::SetRack {
        node: n(1),
        rack: None,
    });
    assert_eq!(info(&cluster).rack, None);
    cluster.accept(rack("b"));
    cluster.exclude(1);
    assert_eq!(info(&cluster).rack.as_deref(), Some("b"));
    assert!(cluster.metadata.is_excluded(n(1)));
}

fn address(transport: &str, admin: &str) -> Change {
    Change::SetAddress {
        node: n(1),
        address: NodeAddress {
            transport: transport.to_owned(),
            admin: admin.to_owned(),
        },
    }
}

#[test]
fn the_newest_address_of_a_live_member_counts_and_outlives_an_exclusion() {
    let mut cluster = Cluster::new();
    let known = |cluster: &Cluster| {
        let address = cluster.metadata.nodes[&n(1)].address.clone();
        address.map(|address| (address.transport, address.admin))
    };
    let pair = |transport: &str, admin: &str| Some((transport.to_owned(), admin.to_owned()));
    assert_eq!(known(&cluster), None);
    assert!(cluster.accept(address("a:1", "http://a:2")).touched.is_empty());
    cluster.accept(address("b:1", "https://b:2"));
    assert_eq!(known(&cluster), pair("b:1", "https://b:2"));
    cluster.exclude(1);
    assert_eq!(known(&cluster), pair("b:1", "https://b:2"));
    cluster.refuse(address("a:1", "http://a:2"), Refused::NoNode(n(1)));
}

#[test]
fn an_address_has_two_parts_of_bounded_length() {
    let mut cluster = Cluster::new();
    let (fits, long) = (
        "x".repeat(NodeAddress::BYTES_MAX),
        "x".repeat(NodeAddress::BYTES_MAX + 1),
    );
    cluster.accept(address(&fits, &fits));
    for (transport, admin) in [("", "b"), ("a", ""), ("a", &long), (&long, "b")] {
        let why = Refused::Invalid("an address is empty or too long".into());
        cluster.refuse(address(transport, admin), why);
    }
}

#[test]
fn a_node_drains_until_it_is_resumed() {
    let mut cluster = Cluster::new();
    let draining = |cluster: &Cluster| cluster.metadata.nodes[&n(2)].draining;
    for _ in 0..2 {
        cluster.accept(Change::Drain { node: n(2) });
        assert!(draining(&cluster), "also when it is said twice");
    }
    assert!(cluster.metadata.is_live_member(n(2)), "it serves as before");
    cluster.accept(Change::Resume { node: n(2) });
    assert!(!draining(&cluster));
}

#[test]
fn who_is_no_live_member_has_no_rack_and_does_not_drain() {
    let mut cluster = Cluster::new();
    cluster.exclude(1);
    for node in [n(1), n(77)] {
        let rack = Some("a".to_owned());
        for change in [
            Change::SetRack { node, rack },
            Change::Drain { node },
            Change::Resume { node },
        ] {
            cluster.refuse(change, Refused::NoNode(node));
        }
    }
}

#[test]
fn a_racks_name_has_bounds() {
    let mut cluster = Cluster::new();
    let why = Refused::invalid("the name of a rack is empty or too long");
    cluster.refuse(rack(""), why.clone());
    cluster.refuse(rack(&"r".repeat(NodeInfo::RACK_BYTES_MAX + 1)), why);
    cluster.accept(rack(&"r".repeat(NodeInfo::RACK_BYTES_MAX)));
}

#[test]
fn permits_are_two_numbers_and_neither_is_zero() {
    let mut cluster = Cluster::new();
    let set = |sends, receives| Change::SetPermits {
        permits: StreamPermits { sends, receives },
    };
    cluster.accept(set(Some(1), Some(StreamPermits::MAX)));
    assert_eq!(cluster.metadata.permits.sends, Some(1));
    assert_eq!(cluster.metadata.permits.receives, Some(StreamPermits::MAX));
    let why = Refused::invalid("a number of permits is zero or too large");
    for (sends, receives) in [
        (Some(0), None),
        (None, Some(0)),
        (Some(StreamPermits::MAX + 1), Some(1)),
        (Some(1), Some(StreamPermits::MAX + 1)),
    ] {
        cluster.refuse(set(sends, receives), why.clone());
    }
    cluster.accept(set(None, None));
    assert_eq!(cluster.metadata.permits, StreamPermits::default());
}

#[test]
fn with_balancing_off_only_an_operators_transitions_begin() {
    for (kind, reason) in [
        (TransitionKind::Rebuild, Reason::Rebuild),
        (TransitionKind::Migration, Reason::Drain),
        (TransitionKind::Migration, Reason::Balance),
    ] {
        let mut cluster = Cluster::new();
        if kind == TransitionKind::Rebuild {
            cluster.exclude(1);
        }
        let planned = with_reason(cluster.beginning(kind, 1, 4), reason);
        cluster.refuse(planned.clone(), Refused::BalancingOff);
        cluster.accept(Change::SetBalancing { on: true });
        cluster.accept(Change::SetBalancing { on: false });
        cluster.refuse(planned.clone(), Refused::BalancingOff);
        cluster.accept(Change::SetBalancing { on: true });
        cluster.accept(planned);
        assert_eq!(cluster.transition().reason, reason);
        // What runs goes on.
        cluster.accept(Change::SetBalancing { on: false });
        cluster.forward_to(Stage::EndMigration);
        cluster.advance(None);
        assert!(cluster.tablet().transition.is_none());
    }
    for kind in KINDS {
        let mut cluster = Cluster::new();
        cluster.begin(kind);
        assert_eq!(cluster.transition().reason, Reason::Operator);
    }
}

#[test]
fn a_reason_is_one_for_its_kind_only() {
    for kind in KINDS {
        for reason in Reason::ALL {
            let mut cluster = Cluster::new();
            cluster.accept(Change::SetBalancing { on: true });
            if kind == TransitionKind::Rebuild {
                cluster.exclude(1);
            }
            let change = with_reason(cluster.beginning(kind, 1, 4), reason);
            let suits = match reason {
                Reason::Operator => true,
                Reason::Rebuild => kind == TransitionKind::Rebuild,
                Reason::Drain | Reason::Balance => kind == TransitionKind::Migration,
            };
            if suits {
                cluster.accept(change);
            } else {
                let why = "the reason is not one for that kind of transition";
                cluster.refuse(change, Refused::invalid(why));
            }
        }
    }
}

#[test]
fn reasons_are_in_order_of_urgency() {
    assert!(Reason::ALL.is_sorted());
    assert_eq!(Reason::default(), Reason::ALL[0]);
    let names: Vec<_> = Reason::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["operator", "rebuild", "drain", "balance"]);
}
