//! The hello: what is said on a connection before either end believes that there is one.
//!
//! A TLS 1.3 client's handshake ends before the server has looked at its certificate. So the client says hello and
//! waits for the welcome, which a server gives only to a client it has accepted. Both begin alike in every version.

use std::io;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The version of everything above TLS in this crate.
pub(crate) const VERSION: u16 = 1;

const MAGIC: [u8; 4] = *b"tdgt";
const PREFIX: usize = 6;
const HELLO: usize = 14;
const WELCOME: usize = 17;

/// What the end says that connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hello {
    /// Another one at every start of a node: tells a restarted peer from one that connects again.
    pub(crate) incarnation: u64,
    /// What it may be sent ahead of its reader, per stream.
    pub(crate) window: u32,
    /// The port that it listens on: a hint at where it is to be found.
    pub(crate) port: u16,
}

/// What the end answers that accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Welcome {
    pub(crate) answer: Answer,
    pub(crate) incarnation: u64,
    pub(crate) window: u32,
    /// How many streams the client may have open towards it.
    pub(crate) streams: u32,
}

/// Whether it accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepted,
    /// It knows too many peers.
    Refused,
    /// There are as many connections as it allows.
    Full,
}

/// What was said is no hello and no welcome.
#[derive(Debug, Error)]
pub(crate) enum NoHello {
    #[error("no hello was said")]
    Unreadable,
    #[error("it speaks wire version {0}, this node {VERSION}")]
    Version(u16),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Hello {
    pub(crate) fn encode(self) -> [u8; PREFIX + HELLO] {
        let mut bytes = [0; PREFIX + HELLO];
        bytes[..PREFIX].copy_from_slice(&prefix());
        bytes[PREFIX..PREFIX + 8].copy_from_slice(&self.incarnation.to_be_bytes());
        bytes[PREFIX + 8..PREFIX + 12].copy_from_slice(&self.window.to_be_bytes());
        bytes[PREFIX + 12..].copy_from_slice(&self.port.to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8; HELLO]) -> Option<Self> {
        let (incarnation, rest) = bytes.split_first_chunk::<8>()?;
        let (window, port) = rest.split_first_chunk::<4>()?;
        Some(Self {
            incarnation: u64::from_be_bytes(*incarnation),
            window: u32::from_be_bytes(*window),
            port: u16::from_be_bytes(*port.first_chunk()?),
        })
    }

    /// Reads the client's hello.
    ///
    /// # Cancel safety
    ///
    /// Not safe: the connection is of no use afterwards.
    pub(crate) async fn read(from: &mut (impl AsyncRead + Unpin)) -> Result<Self, NoHello> {
        read_prefix(from).await?;
        let mut bytes = [0; HELLO];
        from.read_exact(&mut bytes).await?;
        Self::decode(&bytes).ok_or(NoHello::Unreadable)
    }
}

impl Welcome {
    pub(crate) fn encode(self) -> [u8; PREFIX + WELCOME] {
        let mut bytes = [0; PREFIX + WELCOME];
        bytes[..PREFIX].copy_from_slice(&prefix());
        let rest = &mut bytes[PREFIX..];
        rest[0] = match self.answer {
            Answer::Accepted => 0,
            Answer::Refused => 1,
            Answer::Full => 2,
        };
        rest[1..9].copy_from_slice(&self.incarnation.to_be_bytes());
        rest[9..13].copy_from_slice(&self.window.to_be_bytes());
        rest[13..].copy_from_slice(&self.streams.to_be_bytes());
        bytes
    }

    fn decode(bytes: &[u8; WELCOME]) -> Option<Self> {
        let (answer, rest) = bytes.split_first()?;
        let (incarnation, rest) = rest.split_first_chunk::<8>()?;
        let (window, streams) = rest.split_first_chunk::<4>()?;
        Some(Self {
            answer: match answer {
                0 => Answer::Accepted,
                1 => Answer::Refused,
                2 => Answer::Full,
                _ => return None,
            },
            incarnation: u64::from_be_bytes(*incarnation),
            window: u32::from_be_bytes(*window),
            streams: u32::from_be_bytes(*streams.first_chunk()?),
        })
    }

    /// Reads the server's answer.
    ///
    /// # Cancel safety
    ///
    /// Not safe: the connection is of no use afterwards.
    pub(crate) async fn read(from: &mut (impl AsyncRead + Unpin)) -> Result<Self, NoHello> {
        read_prefix(from).await?;
        let mut bytes = [0; WELCOME];
        from.read_exact(&mut bytes).await?;
        Self::decode(&bytes).ok_or(NoHello::Unreadable)
    }
}

/// Writes all of it, and makes sure that it goes.
///
/// # Cancel safety
///
/// Not safe: the connection is of no use afterwards.
pub(crate) async fn say(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
}

fn prefix() -> [u8; PREFIX] {
    let mut bytes = [0; PREFIX];
    bytes[..4].copy_from_slice(&MAGIC);
    bytes[4..].copy_from_slice(&VERSION.to_be_bytes());
    bytes
}

async fn read_prefix(from: &mut (impl AsyncRead + Unpin)) -> Result<(), NoHello> {
    let mut bytes = [0; PREFIX];
    from.read_exact(&mut bytes).await?;
    let [magic @ .., high, low] = bytes;
    match u16::from_be_bytes([high, low]) {
        _ if magic != MAGIC => Err(NoHello::Unreadable),
        VERSION => Ok(()),
        version => Err(NoHello::Version(version)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hellos_survive_the_wire() {
        let hello = Hello {
            incarnation: 0x5678_9abc_def0_1234,
            window: 0x1234_5678,
            port: 0x9abc,
        };
        let read = Hello::read(&mut &hello.encode()[..]).await.unwrap();
        assert_eq!(read, hello);
        for answer in [Answer::Accepted, Answer::Refused, Answer::Full] {
            let welcome = Welcome {
                answer,
                incarnation: hello.incarnation,
                window: hello.window,
                streams: 77,
            };
            let read = Welcome::read(&mut &welcome.encode()[..]).await.unwrap();
            assert_eq!(read, welcome);
        }
    }

    #[tokio::test]
    async fn what_is_no_hello_is_refused_and_another_version_is_named() {
        let good = Hello {
            incarnation: 1,
            window: 2,
            port: 3,
        }
        .encode();
        let mut bad = good;
        bad[0] ^= 1;
        assert!(matches!(
            Hello::read(&mut &bad[..]).await,
            Err(NoHello::Unreadable)
        ));
        let mut other = good;
        other[5] = 9;
        assert!(matches!(
            Hello::read(&mut &other[..PREFIX]).await,
            Err(NoHello::Version(9))
        ));
        assert!(matches!(Hello::read(&mut &good[..9]).await, Err(NoHello::Io(_))));
    }
}
