//! A kernel that refuses what is too long, and what the socket hands it.

use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};

use super::*;

/// A kernel that refuses what is too long, and remembers the rest.
#[derive(Debug, Default)]
struct Kernel {
    taken: Mutex<Vec<(Vec<u8>, Option<usize>)>>,
    /// Sends that it still takes before its buffer is full.
    room: Option<AtomicUsize>,
}

#[derive(Debug)]
struct Writable;

impl UdpPoller for Writable {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncUdpSocket for Kernel {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Writable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let is_full = |room: &AtomicUsize| {
            let left = room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            left.is_err()
        };
        if self.room.as_ref().is_some_and(is_full) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        assert!(transmit.contents.len() <= 65_507, "EMSGSIZE");
        let datagrams = transmit
            .segment_size
            .map_or(1, |segment| transmit.contents.len().div_ceil(segment));
        assert!(datagrams <= 64, "EINVAL");
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.push((transmit.contents.to_vec(), transmit.segment_size));
        Ok(())
    }

    fn poll_recv(
        &self,
        _: &mut Context<'_>,
        _: &mut [IoSliceMut<'_>],
        _: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)))
    }

    fn max_transmit_segments(&self) -> usize {
        64
    }
}

fn send(socket: &CappedSocket, contents: &[u8], segment_size: Option<usize>) -> io::Result<()> {
    socket.try_send(&Transmit {
        destination: SocketAddr::from((Ipv4Addr::LOCALHOST, 2)),
        ecn: None,
        contents,
        segment_size,
        src_ip: None,
    })
}

fn numbered(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

#[test]
fn a_send_that_is_too_long_goes_in_pieces_and_the_next_are_shorter() {
    let kernel = Arc::new(Kernel::default());
    let socket = CappedSocket::new(Arc::clone(&kernel) as Arc<dyn AsyncUdpSocket>);
    let contents = numbered(9 * 8972 + 100);
    send(&socket, &contents, Some(8972)).unwrap();
    let taken = kernel.taken.lock().unwrap();
    let lengths: Vec<_> = taken
        .iter()
        .map(|(bytes, segment)| (bytes.len(), *segment))
        .collect();
    assert_eq!(lengths, [(7 * 8972, Some(8972)), (2 * 8972 + 100, Some(8972))]);
    assert!(
        taken.iter().flat_map(|(bytes, _)| bytes).eq(&contents),
        "every byte, in order"
    );
    assert_eq!(socket.max_transmit_segments(), 7);
}

#[test]
fn a_last_piece_of_one_datagram_is_none_of_several() {
    let kernel = Arc::new(Kernel::default());
    let socket = CappedSocket::new(Arc::clone(&kernel) as Arc<dyn AsyncUdpSocket>);
    send(&socket, &numbered(2 * 65_507), Some(65_507)).unwrap();
    let taken = kernel.taken.lock().unwrap();
    let lengths: Vec<_> = taken
        .iter()
        .map(|(bytes, segment)| (bytes.len(), *segment))
        .collect();
    assert_eq!(lengths, [(65_507, None), (65_507, None)]);
    assert_eq!(socket.max_transmit_segments(), 1);
}

#[test]
fn short_datagrams_keep_all_their_company() {
    let kernel = Arc::new(Kernel::default());
    let socket = CappedSocket::new(Arc::clone(&kernel) as Arc<dyn AsyncUdpSocket>);
    send(&socket, &numbered(10 * 1452), Some(1452)).unwrap();
    // A probe for a longer path goes alone, and says nothing about what goes together.
    send(&socket, &numbered(8972), None).unwrap();
    assert_eq!(socket.max_transmit_segments(), 65_507 / 1452);
    assert_eq!(kernel.taken.lock().unwrap().len(), 2);
}

#[test]
fn a_full_kernel_is_told_so_that_all_is_sent_again() {
    let kernel = Arc::new(Kernel {
        room: Some(AtomicUsize::new(1)),
        ..Kernel::default()
    });
    let socket = CappedSocket::new(Arc::clone(&kernel) as Arc<dyn AsyncUdpSocket>);
    let refused = send(&socket, &numbered(10 * 8972), Some(8972)).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn what_the_system_grants_is_told() {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (_, small) = bind(anywhere, 64 << 10).unwrap();
    assert!(small.receive >= 64 << 10 && small.send >= 64 << 10, "{small:?}");
    // More than any system grants: what there is is told, not what was asked for.
    let (_, large) = bind(anywhere, 1 << 30).unwrap();
    assert!(large.receive < 1 << 30, "{large:?}");
}
