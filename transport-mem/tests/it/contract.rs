//! The conformance suite, over this network.

use tidegate_transport::PeerId;
use tidegate_transport::conformance::{End, Limits, Pair, Wish};
use tidegate_transport_mem::{MemConfig, MemLimits, MemNetwork};

async fn make(wish: Wish) -> Pair {
    pair(MemConfig::default(), wish)
}

pub(crate) fn pair(config: MemConfig, wish: Wish) -> Pair {
    let network = MemNetwork::new(config);
    let end = |peer: u64, limits: Limits| {
        let own = MemLimits {
            frame_max: limits.frame_max,
            frames_in_flight: 64,
            bytes_in_flight: limits.in_flight_max / 2,
            streams_per_peer: limits.streams_per_peer,
            open_wait: limits.open_wait,
        };
        End {
            transport: network.join_with(PeerId::new(peer), own).unwrap(),
            limits,
        }
    };
    Pair {
        a: end(1, wish.a),
        b: end(2, wish.b),
        keep: Box::new(network.clone()),
    }
}

tidegate_transport::conformance_tests!(make);
