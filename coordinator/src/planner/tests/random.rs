//! The planner against whatever may happen: nothing unsafe is ever proposed, and once faults end, everything ends.

mod model;

use proptest::prelude::*;

use self::model::Model;

/// Something that happens; numbers pick among what there is.
#[derive(Debug, Clone)]
enum Event {
    /// Starts what the plan asks for, of it the n-th, the n-th but one ...
    Start {
        some: u16,
    },
    /// The n-th call that runs ends.
    End {
        which: u16,
        how: u8,
    },
    /// Time passes.
    Wait {
        ms: u8,
    },
    /// The coordinator is replaced by one that knows nothing.
    Replace,
    /// The coordinator follows the metadata, or does not for a while.
    Follow {
        follows: bool,
    },
    Exclude {
        node: u8,
    },
    Cancel {
        tablet: u8,
    },
    FewerSources {
        tablet: u8,
    },
    Begin {
        tablet: u8,
        kind: u8,
        from: u8,
        to: u8,
    },
    Drop,
    /// An answer from long ago comes once more.
    Echo {
        which: u16,
    },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        10 => any::<u16>().prop_map(|some| Event::Start { some }),
        20 => (any::<u16>(), 0..12_u8).prop_map(|(which, how)| Event::End { which, how }),
        4 => any::<u8>().prop_map(|ms| Event::Wait { ms }),
        1 => Just(Event::Replace),
        2 => any::<bool>().prop_map(|follows| Event::Follow { follows }),
        1 => (1..=7_u8).prop_map(|node| Event::Exclude { node }),
        1 => any::<u8>().prop_map(|tablet| Event::Cancel { tablet }),
        1 => any::<u8>().prop_map(|tablet| Event::FewerSources { tablet }),
        4 => (any::<u8>(), 0..3_u8, 1..=7_u8, 1..=7_u8)
            .prop_map(|(tablet, kind, from, to)| Event::Begin { tablet, kind, from, to }),
        1 => prop_oneof![20 => Just(Event::Wait { ms: 1 }), 1 => Just(Event::Drop)],
        2 => any::<u16>().prop_map(|which| Event::Echo { which }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn nothing_unsafe_is_proposed_and_once_faults_end_every_transition_ends(
        events in proptest::collection::vec(event(), 1..250),
    ) {
        let mut model = Model::new();
        for event in &events {
            model.happens(event);
        }
        // A way back of 4 stages, each with a barrier, an operation and a change, after retries that are due.
        model.settle(80);
    }
}
