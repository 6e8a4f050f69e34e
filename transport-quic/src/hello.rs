//! The hello: the first stream of a connection, before either end believes that there is one.
//!
//! A TLS 1.3 client's handshake ends before the server has looked at its certificate. So the client sends a hello
//! and waits for the welcome, which a server sends only to a client it has accepted.

use quinn::{Connection, RecvStream, SendStream};
use thiserror::Error;

/// The version of everything above QUIC in this crate: hello and frames.
pub(crate) const VERSION: u16 = 1;

const MAGIC: [u8; 4] = *b"tdgt";
const LEN: usize = 15;

/// What each end says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) version: u16,
    /// Another one at every start of a node: tells a restarted peer from one that connects twice.
    pub(crate) incarnation: u64,
    /// Asks for this connection although the other end has, or makes, one of its own.
    pub(crate) insist: bool,
}

/// What came was no hello, or did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no hello was said")]
pub(crate) struct NoHello;

impl Hello {
    pub(crate) fn encode(self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..6].copy_from_slice(&self.version.to_be_bytes());
        bytes[6..14].copy_from_slice(&self.incarnation.to_be_bytes());
        bytes[14] = u8::from(self.insist);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; LEN]) -> Result<Self, NoHello> {
        let (magic, rest) = bytes.split_first_chunk::<4>().ok_or(NoHello)?;
        let (version, rest) = rest.split_first_chunk::<2>().ok_or(NoHello)?;
        let (incarnation, rest) = rest.split_first_chunk::<8>().ok_or(NoHello)?;
        if *magic != MAGIC || rest[0] > 1 {
            return Err(NoHello);
        }
        Ok(Self {
            version: u16::from_be_bytes(*version),
            incarnation: u64::from_be_bytes(*incarnation),
            insist: rest[0] == 1,
        })
    }

    async fn read(stream: &mut RecvStream) -> Result<Self, NoHello> {
        let mut bytes = [0; LEN];
        stream.read_exact(&mut bytes).await.map_err(|_| NoHello)?;
        Self::decode(&bytes)
    }
}

/// The client's side: says hello and waits for the welcome. The caller bounds the wait.
///
/// # Cancel safety
///
/// Not safe: the connection is of no use afterwards.
pub(crate) async fn say(connection: &Connection, hello: Hello) -> Result<Hello, NoHello> {
    let (mut send, mut recv) = connection.open_bi().await.map_err(|_| NoHello)?;
    send.write_all(&hello.encode()).await.map_err(|_| NoHello)?;
    send.finish().map_err(|_| NoHello)?;
    let welcome = Hello::read(&mut recv).await?;
    end(&mut recv).await?;
    Ok(welcome)
}

/// The server's side: the client's hello, and where to send the welcome.
///
/// # Cancel safety
///
/// Not safe: the connection is of no use afterwards.
pub(crate) async fn hear(connection: &Connection) -> Result<(Hello, SendStream), NoHello> {
    let (send, mut recv) = connection.accept_bi().await.map_err(|_| NoHello)?;
    let hello = Hello::read(&mut recv).await?;
    end(&mut recv).await?;
    Ok((hello, send))
}

/// Answers a hello: from here on the client may open streams.
///
/// # Cancel safety
///
/// Not safe: the connection is of no use afterwards.
pub(crate) async fn welcome(mut stream: SendStream, hello: Hello) -> Result<(), NoHello> {
    stream.write_all(&hello.encode()).await.map_err(|_| NoHello)?;
    stream.finish().map_err(|_| NoHello)
}

/// Reads the end, so that the stream counts as closed and its place is free again.
async fn end(stream: &mut RecvStream) -> Result<(), NoHello> {
    match stream.read(&mut [0]).await {
        Ok(None) => Ok(()),
        _ => Err(NoHello),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_survives_the_wire() {
        for insist in [false, true] {
            let hello = Hello {
                version: 0x1234,
                incarnation: 0x5678_9abc_def0_1234,
                insist,
            };
            assert_eq!(Hello::decode(&hello.encode()), Ok(hello));
        }
    }

    #[test]
    fn what_is_no_hello_is_refused() {
        let good = Hello {
            version: VERSION,
            incarnation: 1,
            insist: false,
        }
        .encode();
        let mut bad = good;
        bad[0] ^= 1;
        assert_eq!(Hello::decode(&bad), Err(NoHello));
        let mut bad = good;
        bad[14] = 2;
        assert_eq!(Hello::decode(&bad), Err(NoHello));
    }
}
