//! Hellos and certificates.

use tidegate_transport::ResetCode;
use tidegate_transport::service::Hello;
use tidegate_transport_quic::decoders;

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

/// A certificate in DER: who it names, if it names one node.
pub(crate) fn certificate(input: &[u8]) {
    if let Some(uri) = decoders::certificate(input) {
        let named = input.windows(uri.len()).any(|bytes| bytes == uri.as_bytes());
        assert!(named, "{uri} is not in the certificate");
    }
}
