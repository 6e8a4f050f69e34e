//! What comes on a connection, cut into messages and frames.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut as _, Bytes};
use tidegate_transport::buffers::Buffers;
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::io::poll_read_buf;

use crate::wire::{HEADER, Message};

/// Bytes read at once of what nobody wants.
const SCRATCH: usize = 16 << 10;

/// What has come.
#[derive(Debug)]
pub(crate) enum Came {
    Message(Message),
    /// The last bytes of the frame that was announced.
    Frame(Bytes),
}

/// Where the reading of a connection stands. What has come of a message or a frame stays here.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    header: [u8; HEADER],
    header_len: usize,
    /// What is to come of the piece.
    piece: usize,
    /// What is to come of the frame, in this and later pieces.
    missing: usize,
    body: Vec<u8>,
    buffers: Buffers,
    /// Nobody wants the frame.
    discards: bool,
    heard: bool,
}

impl Inbox {
    pub(crate) fn new(buffers: Buffers) -> Self {
        Self {
            buffers,
            ..Self::default()
        }
    }

    /// The next message or frame.
    pub(crate) fn poll_next(
        &mut self,
        io: &mut (impl AsyncRead + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Came>> {
        while self.piece > 0 {
            let read = ready!(self.poll_body(io, context))?;
            self.piece -= read;
            self.missing -= read;
            if self.missing == 0 && !self.discards {
                let body = std::mem::take(&mut self.body);
                return Poll::Ready(Ok(Came::Frame(self.buffers.lend(body))));
            }
        }
        while self.header_len < HEADER {
            let mut buffer = ReadBuf::new(&mut self.header[self.header_len..]);
            ready!(Pin::new(&mut *io).poll_read(context, &mut buffer))?;
            let read = buffer.filled().len();
            if read == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            self.header_len += read;
            self.heard = true;
        }
        self.header_len = 0;
        Poll::Ready(match Message::decode(self.header) {
            Some(message) => Ok(Came::Message(message)),
            None => Err(io::ErrorKind::InvalidData.into()),
        })
    }

    fn poll_body(
        &mut self,
        io: &mut (impl AsyncRead + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.discards {
            self.body.clear();
            self.body.reserve(SCRATCH);
        } else {
            Buffers::grow(&mut self.body, self.missing);
        }
        let room = (self.body.capacity() - self.body.len()).min(self.piece);
        let read = ready!(poll_read_buf(
            Pin::new(&mut *io),
            context,
            &mut (&mut self.body).limit(room)
        ))?;
        if read == 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        self.heard = true;
        Poll::Ready(Ok(read))
    }

    /// Whether a frame was announced and has not come whole.
    pub(crate) fn is_coming(&self) -> bool {
        self.missing > 0
    }

    /// A frame of so many bytes was announced.
    pub(crate) fn begin(&mut self, len: usize, wanted: bool) {
        self.missing = len;
        self.discards = !wanted;
        self.body = if wanted {
            self.buffers.begin(len)
        } else {
            Vec::with_capacity(SCRATCH)
        };
    }

    /// So many bytes of it come next. `false` when they cannot.
    pub(crate) fn piece(&mut self, len: usize, wanted: bool) -> bool {
        self.piece = len;
        self.discards |= !wanted;
        len > 0 && len <= self.missing
    }

    /// The rest of the frame does not come.
    pub(crate) fn forget_frame(&mut self) {
        self.missing = 0;
        self.body = Vec::new();
    }

    /// Whether any byte has come since this was asked last.
    pub(crate) fn heard(&mut self) -> bool {
        std::mem::take(&mut self.heard)
    }
}
