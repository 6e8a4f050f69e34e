//! Hellos, certificates, and streams cut into frames.

use tidegate_transport::ResetCode;
use tidegate_transport::service::Hello;
use tidegate_transport_quic::decoders;
use tidegate_transport_tcp::decoders as tcp;

use super::same_again;

pub(crate) fn hello(input: &[u8]) {
    if let Ok(hello) = Hello::decode(input) {
        assert_eq!(&hello.encode()[..], input, "a hello has one spelling");
    }
    if let Some(code) = input.first_chunk() {
        let code = ResetCode::from_u32(u32::from_be_bytes(*code));
        assert_eq!(ResetCode::from_u32(code.as_u32()), code);
    }
}

pub(crate) fn quic_hello(input: &[u8]) {
    let hello = same_again(input.to_vec(), |bytes| decoders::hello(bytes), Clone::clone);
    assert!(
        hello.is_none_or(|hello| hello == input),
        "a hello has one spelling"
    );
}

/// A hello, or the answer to one, as they are told apart by who says them.
pub(crate) fn tcp_hello(input: &[u8]) {
    let hello = same_again(input.to_vec(), |bytes| tcp::hello(bytes), Clone::clone);
    let welcome = same_again(input.to_vec(), |bytes| tcp::welcome(bytes), Clone::clone);
    for read in [hello, welcome].into_iter().flatten() {
        assert_eq!(read, input, "a hello has one spelling");
    }
}

/// A certificate in DER: who it names, if it names one node.
pub(crate) fn certificate(input: &[u8]) {
    if let Some(uri) = decoders::certificate(input) {
        let named = input.windows(uri.len()).any(|bytes| bytes == uri.as_bytes());
        assert!(named, "{uri} is not in the certificate");
    }
}

/// As a node has it.
const FRAME_MAX: usize = 1 << 20;

/// The first byte is how many bytes come at a time.
pub(crate) fn quic_frames(input: &[u8]) {
    let Some((at_a_time, stream)) = input.split_first() else {
        return;
    };
    let (frames, end) = decoders::frames(stream, FRAME_MAX, usize::from(*at_a_time));
    let whole = decoders::frames(stream, FRAME_MAX, usize::MAX);
    assert_eq!(whole, (frames.clone(), end), "it matters how the bytes come");
    let sent = decoders::stream_of(&frames);
    assert!(stream.starts_with(&sent), "frames have one spelling");
    if end.is_ok() {
        assert_eq!(sent.len(), stream.len(), "bytes were left out");
    }
}
