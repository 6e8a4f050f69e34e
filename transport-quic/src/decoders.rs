//! The decoders of what peers send, for those who feed them any bytes.
//!
//! Each gives what it read, encoded anew, if it could read it.

use crate::Identity;
use crate::hello::Hello;
use crate::name::NodeName;

/// The hello of a connection.
#[must_use]
pub fn hello(bytes: &[u8]) -> Option<Vec<u8>> {
    let hello = Hello::decode(bytes.try_into().ok()?).ok()?;
    Some(hello.encode().to_vec())
}

/// The node that a certificate names, as the URI that it does so with. Who signed it is another question.
#[must_use]
pub fn certificate(der: &[u8]) -> Option<String> {
    NodeName::of_certificate(der).ok().map(|name| name.to_string())
}

/// The certificates that an identity shows, in DER.
#[must_use]
pub fn certificates(identity: &Identity) -> Vec<Vec<u8>> {
    identity
        .chain
        .iter()
        .map(|certificate| certificate.to_vec())
        .collect()
}
