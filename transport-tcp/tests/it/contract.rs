//! The contract of transports, case by case.

use tidegate_transport::conformance::{End, Limits, Pair, Wish};
use tidegate_transport_tcp::TcpLimits;
use tidegate_transport_tcp::authority::Authority;

use crate::network::{A, B, bind, brisk, introduce};

const STREAM_WINDOW: u32 = 64 << 10;
const SEND_BUFFER: usize = 64 << 10;

fn limits(wish: Limits) -> TcpLimits {
    TcpLimits {
        frame_max: wish.frame_max,
        streams_per_peer: u32::try_from(wish.streams_per_peer).unwrap(),
        open_deadline: wish.open_wait,
        stream_window: STREAM_WINDOW,
        send_buffer: SEND_BUFFER,
        ..brisk()
    }
}

async fn make(wish: Wish) -> Pair {
    let authority = Authority::new("blue").unwrap();
    let a = bind(authority.issue(A).unwrap(), limits(wish.a));
    let b = bind(authority.issue(B).unwrap(), limits(wish.b));
    introduce(&a, &b);
    Pair {
        a: End {
            transport: a,
            limits: wish.a,
        },
        b: End {
            transport: b,
            limits: wish.b,
        },
        keep: Box::new(()),
    }
}

tidegate_transport::conformance_tests!(make);
