//! A connection over TCP, after its hello.

use tidegate_transport_tcp::decoders;

use super::{ended, in_virtual_time};

/// As a node has it.
const FRAME_MAX: usize = 1 << 20;

/// The first byte is how many bytes come at a time.
pub(crate) fn run(input: &[u8]) {
    let Some((at_a_time, said)) = input.split_first() else {
        return;
    };
    in_virtual_time(async {
        let streams = decoders::streams(said, usize::from(*at_a_time), FRAME_MAX);
        let frames = ended("a connection", streams).await;
        let bytes: usize = frames.iter().map(bytes::Bytes::len).sum();
        assert!(
            bytes <= said.len(),
            "{bytes} bytes of frames came of {}",
            said.len()
        );
    });
}
