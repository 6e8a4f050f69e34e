//! The first frame of every stream: which protocol, which version, which service.
//!
//! Eight bytes, coded by hand: `TIDE`, the version and the service's id, both big-endian. It never changes its
//! length or its first six bytes, so that every version can tell every other that they do not match.

use bytes::Bytes;
use thiserror::Error;

use super::ServiceId;

/// The version of what is spoken on a stream after its hello. Both ends must have the same.
pub const WIRE_VERSION: u16 = 1;

const MAGIC: [u8; 4] = *b"TIDE";

/// Why a hello was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HelloError {
    /// The frame is no hello: something else speaks here.
    #[error("the first frame of the stream is no hello")]
    NoHello,
    /// The peer speaks another version.
    #[error("the peer speaks version {theirs}, this node {WIRE_VERSION}")]
    Version {
        /// What the peer speaks.
        theirs: u16,
    },
}

/// What the opener of a stream says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// The version that the opener speaks.
    pub version: u16,
    /// The service that it wants.
    pub service: ServiceId,
}

impl Hello {
    /// The hello of this version for `service`.
    #[must_use]
    pub const fn new(service: ServiceId) -> Self {
        Self {
            version: WIRE_VERSION,
            service,
        }
    }

    /// Its frame.
    #[must_use]
    pub fn encode(self) -> Bytes {
        let [version_high, version_low] = self.version.to_be_bytes();
        let [service_high, service_low] = self.service.as_u16().to_be_bytes();
        let [m0, m1, m2, m3] = MAGIC;
        Bytes::copy_from_slice(&[
            m0,
            m1,
            m2,
            m3,
            version_high,
            version_low,
            service_high,
            service_low,
        ])
    }

    /// The hello in a frame.
    ///
    /// # Errors
    ///
    /// [`HelloError`]; another version is told apart from no hello at all.
    pub fn decode(frame: &[u8]) -> Result<Self, HelloError> {
        let rest = frame.strip_prefix(&MAGIC).ok_or(HelloError::NoHello)?;
        let &[version_high, version_low, service_high, service_low] = rest else {
            return Err(HelloError::NoHello);
        };
        let version = u16::from_be_bytes([version_high, version_low]);
        if version != WIRE_VERSION {
            return Err(HelloError::Version { theirs: version });
        }
        let service = ServiceId::new(u16::from_be_bytes([service_high, service_low]));
        Ok(Self { version, service })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bytes_are_pinned() {
        assert_eq!(
            &Hello::new(ServiceId::new(0x0203)).encode()[..],
            b"TIDE\x00\x01\x02\x03"
        );
    }

    #[test]
    fn another_version_is_named() {
        let frame = Hello {
            version: 9,
            service: ServiceId::new(1),
        }
        .encode();
        assert_eq!(Hello::decode(&frame), Err(HelloError::Version { theirs: 9 }));
    }

    proptest! {
        #[test]
        fn a_hello_comes_back(service: u16) {
            let hello = Hello::new(ServiceId::new(service));
            prop_assert_eq!(Hello::decode(&hello.encode()), Ok(hello));
        }

        #[test]
        fn anything_else_is_refused(frame in proptest::collection::vec(any::<u8>(), 0..24)) {
            if let Ok(hello) = Hello::decode(&frame) {
                prop_assert_eq!(&hello.encode()[..], &frame[..]);
            }
        }

        #[test]
        fn a_longer_or_shorter_frame_is_no_hello(cut in 0_usize..8, tail in 1_usize..9) {
            let frame = Hello::new(ServiceId::new(3)).encode();
            prop_assert_eq!(Hello::decode(&frame[..cut]), Err(HelloError::NoHello));
            let longer = [&frame[..], &vec![0; tail]].concat();
            prop_assert_eq!(Hello::decode(&longer), Err(HelloError::NoHello));
        }
    }
}
