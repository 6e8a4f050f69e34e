//! The list of targets.

use crate::memory::peak_of;
use crate::{decoders, machines};

/// Something that reads what others have written.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder in the corpus.
    pub name: &'static str,
    run: fn(&[u8]),
    /// Bytes that any input may have live at once.
    base: usize,
    /// Bytes that it may have live beside, for each of its own.
    per_byte: usize,
}

impl Target {
    /// Feeds it one input.
    ///
    /// # Panics
    ///
    /// When something panics in it, and when it takes more memory than the target allows.
    pub fn feed(&self, input: &[u8]) {
        let peak = peak_of(|| (self.run)(input));
        let allowed = self.base + self.per_byte * input.len();
        assert!(
            peak <= allowed,
            "{}: {} bytes of input had {peak} bytes live at once, where {allowed} are allowed",
            self.name,
            input.len(),
        );
    }
}

/// The target of that name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// A decoder: next to nothing beside a small multiple of its input.
const fn decoder(name: &'static str, run: fn(&[u8])) -> Target {
    Target {
        name,
        run,
        base: 64 << 10,
        per_byte: 32,
    }
}

/// A machine: a runtime, its tasks, queues that have a bound.
const fn machine(name: &'static str, run: fn(&[u8])) -> Target {
    Target {
        name,
        run,
        base: 4 << 20,
        per_byte: 256,
    }
}

/// All of them.
pub const TARGETS: &[Target] = &[
    decoder("hello", decoders::transport::hello),
    decoder("quic_hello", decoders::transport::quic_hello),
    // A frame that is announced has room made for it, though not all that it may have.
    Target {
        base: 600 << 10,
        ..decoder("quic_frames", decoders::transport::quic_frames)
    },
    decoder("tcp_hello", decoders::transport::tcp_hello),
    machine("tcp_streams", machines::tcp_streams::run),
    decoder("certificate", decoders::transport::certificate),
    // Its frames hold collections, decoded within a limit of 1 MiB, and read into another form.
    Target {
        base: 5 << 20,
        ..decoder("control", decoders::replica::control)
    },
    // Likewise, within limits that grow with the frame.
    Target {
        base: 20 << 20,
        ..decoder("raft_messages", decoders::raft::messages)
    },
    Target {
        base: 20 << 20,
        ..decoder("raft_records", decoders::raft::records)
    },
    decoder("stream_frames", decoders::streaming::frames),
    decoder("stream_sealed", decoders::streaming::sealed),
    decoder("kv_messages", decoders::kv::messages),
    decoder("rows", decoders::kv::rows),
    decoder("stored_value", decoders::kv::stored_value),
    decoder("records", decoders::fjall::records),
    machine("source", machines::source::run),
    machine("sink", machines::sink::run),
    machine("puller", machines::puller::run),
    machine("router", machines::router::run),
    machine("node", machines::node::run),
    machine("control_client", machines::control_client::run),
    machine("kv_client", machines::kv_client::run),
    machine("kv_fill", machines::kv_fill::run),
];
