//! What the two ends of a connection say to each other once the hello is over.
//!
//! A message is a kind of one byte and a number of four, big-endian. Only a piece is followed by anything: as many
//! bytes of the frame as its number says. A piece is short and always sent whole, so that there is never far to go to
//! the next message: whatever a stream does, its connection stays readable.

/// Bytes of a message.
pub(crate) const HEADER: usize = 5;

/// Bytes of a frame between two messages, at most: what a reset or an answer to a ping may have to wait for. With the
/// two messages before it, it is what rustls takes at once: four whole records.
pub(crate) const PIECE_MAX: usize = (64 << 10) - 2 * HEADER;

/// What a frame takes of the window beside its bytes, so that frames without any have a bound too.
pub(crate) const FRAME_COST: u32 = 64;

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    /// A frame of so many bytes begins.
    Frame(u32),
    /// So many bytes of it follow.
    Piece(u32),
    /// This direction has ended cleanly.
    Fin,
    /// Everything up to the end has been taken.
    Taken,
    /// This direction is cut short, with that code.
    Reset(u32),
    /// The other direction is not read any more, with that code.
    Stop(u32),
    /// So many more bytes may be sent.
    Window(u32),
    /// Nothing more will be said of this stream: both its directions are over, and its halves are let go of.
    Done,
    /// Is anybody there?
    Ping,
    /// Yes.
    Pong,
}

impl Message {
    pub(crate) fn encode(self) -> [u8; HEADER] {
        let (kind, number) = match self {
            Self::Frame(len) => (1, len),
            Self::Piece(len) => (2, len),
            Self::Fin => (3, 0),
            Self::Taken => (4, 0),
            Self::Reset(code) => (5, code),
            Self::Stop(code) => (6, code),
            Self::Window(bytes) => (7, bytes),
            Self::Done => (8, 0),
            Self::Ping => (9, 0),
            Self::Pong => (10, 0),
        };
        let mut bytes = [kind, 0, 0, 0, 0];
        bytes[1..].copy_from_slice(&u32::to_be_bytes(number));
        bytes
    }

    pub(crate) fn decode(bytes: [u8; HEADER]) -> Option<Self> {
        let [kind, number @ ..] = bytes;
        Some(match (kind, u32::from_be_bytes(number)) {
            (1, len) => Self::Frame(len),
            (2, len) => Self::Piece(len),
            (3, 0) => Self::Fin,
            (4, 0) => Self::Taken,
            (5, code) => Self::Reset(code),
            (6, code) => Self::Stop(code),
            (7, bytes) => Self::Window(bytes),
            (8, 0) => Self::Done,
            (9, 0) => Self::Ping,
            (10, 0) => Self::Pong,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_wire_and_have_one_spelling() {
        for kind in 0..=u8::MAX {
            for number in [0_u32, 1, 0x1234_5678, u32::MAX] {
                let mut bytes = [kind, 0, 0, 0, 0];
                bytes[1..].copy_from_slice(&number.to_be_bytes());
                if let Some(message) = Message::decode(bytes) {
                    assert_eq!(message.encode(), bytes, "{message:?}");
                }
            }
        }
        assert_eq!(Message::decode([0; HEADER]), None);
        assert_eq!(Message::decode(Message::Fin.encode()), Some(Message::Fin));
    }
}
