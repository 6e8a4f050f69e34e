//! The sockets that TLS runs over.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsStream;
use tracing::debug;

/// Bytes read from the system at once: rustls alone would ask for four KiB at a time.
const READ_BUFFER: usize = 32 << 10;

/// How long an end that turns a connection away waits for the other to hear of it, and how much it reads meanwhile.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 64 << 10;

pub(crate) type Raw = BufReader<TcpStream>;
pub(crate) type Secured = TlsStream<Raw>;

/// A socket as this transport wants it: nothing is held back, and the system gives up on a peer as soon as we do.
pub(crate) fn prepare(socket: TcpStream, idle_timeout: Duration) -> io::Result<Raw> {
    socket.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    if let Err(error) = socket2::SockRef::from(&socket).set_tcp_user_timeout(Some(idle_timeout)) {
        debug!(%error, "the socket keeps the system's patience");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = idle_timeout;
    Ok(BufReader::with_capacity(READ_BUFFER, socket))
}

/// Listens. A port whose last connections have not been forgotten yet may be had again.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Ends a connection that is turned away so that the other end hears why: closed with bytes unread, a socket sends a
/// reset, which may overtake what was said last.
///
/// # Cancel safety
///
/// Safe: the socket is closed.
pub(crate) async fn linger(mut socket: impl AsyncRead + AsyncWrite + Unpin) {
    let ending = async {
        socket.shutdown().await?;
        tokio::io::copy(&mut socket.take(LINGER_BYTES), &mut tokio::io::sink()).await
    };
    // However it ends, the socket is closed then.
    if let Ok(Err(error)) = timeout(LINGER, ending).await {
        debug!(%error, "a connection that was turned away broke");
    }
}
