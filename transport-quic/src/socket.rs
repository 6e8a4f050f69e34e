//! The UDP socket: how large its buffers are, and how much goes into one send.

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, Runtime as _, TokioRuntime, UdpPoller};
use socket2::{Domain, Protocol, Socket, Type};
use tracing::warn;

use crate::MTU_MAX;
use crate::limits::MTU_MIN;

/// Bytes that the kernel takes in one send, over all its datagrams: as many as in one datagram.
const SEND_MAX: usize = MTU_MAX as usize;

/// Bytes that the system has granted for the buffers of the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketBuffers {
    /// What waits to be read.
    pub receive: usize,
    /// What waits for the network.
    pub send: usize,
}

/// Binds a socket with buffers of so many bytes; says so where the system grants less.
pub(crate) fn bind(
    listen: SocketAddr,
    buffer: usize,
) -> io::Result<(Arc<dyn AsyncUdpSocket>, SocketBuffers)> {
    let socket = Socket::new(Domain::for_address(listen), Type::DGRAM, Some(Protocol::UDP))?;
    // Linux cuts what is asked for to its maximum and reports success; other systems refuse it whole. Either way what
    // counts is read back.
    let _ = socket.set_recv_buffer_size(buffer);
    let _ = socket.set_send_buffer_size(buffer);
    let buffers = SocketBuffers {
        receive: usable(socket.recv_buffer_size()?),
        send: usable(socket.send_buffer_size()?),
    };
    for (way, granted, setting) in [
        ("receive", buffers.receive, "net.core.rmem_max"),
        ("send", buffers.send, "net.core.wmem_max"),
    ] {
        if granted < buffer {
            warn!(
                asked = buffer,
                granted,
                "the system refused the socket's {way} buffer: datagrams are lost under load, and streams slow; on Linux \
                 raise {setting}"
            );
        }
    }
    socket.bind(&listen.into())?;
    let inner = TokioRuntime.wrap_udp_socket(socket.into())?;
    Ok((Arc::new(CappedSocket::new(inner)), buffers))
}

/// Linux tells twice of what was asked for, for its own book-keeping (socket(7)).
const fn usable(told: usize) -> usize {
    if cfg!(target_os = "linux") { told / 2 } else { told }
}

/// A socket that never hands more to the kernel at once than it takes.
///
/// quinn puts ten datagrams into one send. From 6,551 bytes on those are more than 64 KiB: the kernel refuses them with
/// `EMSGSIZE`, quinn-udp takes that for a lost packet, and nothing ever arrives. How long datagrams are depends on the
/// path and is found while a connection lives, so the cap follows what was seen: until some peer's path is found to carry
/// more, small datagrams keep the full ten.
pub(crate) struct CappedSocket {
    inner: Arc<dyn AsyncUdpSocket>,
    /// Bytes of the longest datagram that was one of several.
    longest: AtomicUsize,
}

impl CappedSocket {
    pub(crate) fn new(inner: Arc<dyn AsyncUdpSocket>) -> Self {
        Self {
            inner,
            longest: AtomicUsize::new(MTU_MIN as usize),
        }
    }
}

impl fmt::Debug for CappedSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CappedSocket")
            .field("inner", &self.inner)
            .field("longest", &self.longest)
            .finish()
    }
}

impl AsyncUdpSocket for CappedSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.inner).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let Some(segment) = transmit.segment_size.filter(|segment| *segment > 0) else {
            return self.inner.try_send(transmit);
        };
        // Relaxed: a number for later sends. A send that was put together before it was seen is split below.
        self.longest.fetch_max(segment, Ordering::Relaxed);
        if transmit.contents.len() <= SEND_MAX {
            return self.inner.try_send(transmit);
        }
        let at_once = segment * (SEND_MAX / segment).max(1);
        for contents in transmit.contents.chunks(at_once) {
            // Would it block after the first, all is sent again: QUIC drops packets that it has had.
            self.inner.try_send(&Transmit {
                destination: transmit.destination,
                ecn: transmit.ecn,
                contents,
                segment_size: (contents.len() > segment).then_some(segment),
                src_ip: transmit.src_ip,
            })?;
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.inner.poll_recv(cx, bufs, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        let fit = SEND_MAX / self.longest.load(Ordering::Relaxed).max(1);
        self.inner.max_transmit_segments().min(fit).max(1)
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}
