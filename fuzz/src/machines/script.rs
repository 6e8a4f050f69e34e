//! A script: bytes that say what a peer does.

use std::time::Duration;

use bytes::Bytes;
use tidegate_transport::ResetCode;

/// What is left of a script. Past its end everything is zero, empty, or nothing.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    rest: Bytes,
}

impl Script {
    pub(crate) fn new(input: &[u8]) -> Self {
        Self {
            rest: Bytes::copy_from_slice(input),
        }
    }

    /// The next byte, unless the script has ended.
    pub(crate) fn step(&mut self) -> Option<u8> {
        (!self.rest.is_empty()).then(|| self.byte())
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    /// Small mostly, and any there is.
    pub(crate) fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..=0xf0 => u64::from(small),
            0xff => u64::MAX,
            _ => self
                .take(8)
                .iter()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
        }
    }

    /// Up to 255 bytes.
    pub(crate) fn short(&mut self) -> Bytes {
        let len = self.byte();
        self.take(usize::from(len))
    }

    /// Up to 65,535 bytes.
    pub(crate) fn long(&mut self) -> Bytes {
        let len = u16::from_be_bytes([self.byte(), self.byte()]);
        self.take(usize::from(len))
    }

    /// A script of its own, of up to 65,535 bytes.
    pub(crate) fn part(&mut self) -> Self {
        Self { rest: self.long() }
    }

    /// Up to about a minute.
    pub(crate) fn pause(&mut self) -> Duration {
        Duration::from_millis(250) * u32::from(self.byte())
    }

    pub(crate) fn code(&mut self) -> ResetCode {
        ResetCode::from_u32(u32::from(self.byte()))
    }

    fn take(&mut self, len: usize) -> Bytes {
        self.rest.split_to(len.min(self.rest.len()))
    }
}
