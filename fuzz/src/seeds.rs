//! Inputs to begin with, made of what is valid.

mod messages;
mod scripts;

use tidegate_transport::PeerId;
use tidegate_transport::service::{Hello, ServiceId};
use tidegate_transport_quic::authority::Authority;
use tidegate_transport_quic::decoders;

/// The seeds of a target.
#[must_use]
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "hello" => vec![Hello::new(ServiceId::new(2)).encode().to_vec()],
        "quic_hello" => vec![b"tdgt\x00\x01\x00\x00\x00\x00\x00\x00\x00\x07\x01".to_vec()],
        "quic_frames" => messages::quic_frames(),
        "tcp_hello" => messages::tcp_hellos(),
        "tcp_streams" => messages::tcp_streams(),
        "certificate" => certificates(),
        "control" => [messages::control_requests(), messages::control_answers()].concat(),
        "raft_messages" => messages::raft_messages(),
        "raft_records" => messages::raft_records(),
        "stream_frames" => messages::frames(),
        "stream_sealed" => messages::headers(),
        "kv_messages" => [messages::kv_requests(), messages::kv_answers()].concat(),
        "rows" => vec![messages::rows()],
        "stored_value" => messages::stored_values(),
        "records" => messages::records(),
        "source" => scripts::source(),
        "sink" => scripts::sink(),
        "puller" => scripts::puller(),
        "router" => scripts::router(),
        "node" => scripts::node(),
        "control_client" => scripts::control_client(),
        "kv_client" => scripts::kv_client(),
        "kv_fill" => scripts::kv_fill(),
        _ => Vec::new(),
    }
}

/// Another one each time: keys are drawn.
fn certificates() -> Vec<Vec<u8>> {
    let issued = Authority::new("blue").and_then(|authority| authority.issue(PeerId::new(7)));
    match issued {
        Ok(identity) => decoders::certificates(&identity),
        Err(error) => panic!("no certificate: {error}"),
    }
}
