//! The receiving half of a stream.

use std::io;

use async_trait::async_trait;
use bytes::{BufMut, Bytes};
use quinn::{ReadError, RecvStream, VarInt};
use tidegate_transport::buffers::Buffers;
use tidegate_transport::{RecvHalf, ResetCode, StreamError};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::send::{HEADER, reset_code};

/// Cuts bytes into frames. What has come of a frame stays here, so that a dropped read loses nothing.
#[derive(Debug)]
pub(crate) struct FrameCutter {
    frame_max: usize,
    header: [u8; HEADER],
    header_len: usize,
    /// What is to come of the frame, once its header is complete.
    missing: usize,
    body: Vec<u8>,
    buffers: Buffers,
}

impl FrameCutter {
    /// The frames are put together in these buffers.
    pub(crate) fn new(frame_max: usize, buffers: Buffers) -> Self {
        Self {
            frame_max,
            header: [0; HEADER],
            header_len: 0,
            missing: 0,
            body: Vec::new(),
            buffers,
        }
    }

    /// The next frame; none when the bytes have ended before it.
    ///
    /// # Cancel safety
    ///
    /// Safe: what was read is kept.
    pub(crate) async fn next(
        &mut self,
        bytes: &mut (impl AsyncRead + Unpin + Send),
    ) -> Result<Option<Bytes>, StreamError> {
        if !self.read_header(bytes).await? {
            return Ok(None);
        }
        self.read_body(bytes).await?;
        self.header_len = 0;
        Ok(Some(self.buffers.lend(std::mem::take(&mut self.body))))
    }

    /// Reads the header. `false` when the bytes have ended before it.
    async fn read_header(&mut self, bytes: &mut (impl AsyncRead + Unpin)) -> Result<bool, StreamError> {
        while self.header_len < HEADER {
            match bytes.read(&mut self.header[self.header_len..]).await {
                Ok(0) if self.header_len == 0 => return Ok(false),
                Ok(0) => return Err(StreamError::Malformed),
                Ok(read) => self.header_len += read,
                Err(error) => return Err(io_error(&error)),
            }
            if self.header_len == HEADER {
                let len = usize::try_from(u32::from_be_bytes(self.header)).unwrap_or(usize::MAX);
                if len > self.frame_max {
                    return Err(StreamError::FrameTooLarge {
                        len,
                        max: self.frame_max,
                    });
                }
                self.missing = len;
                self.body = self.buffers.begin(len);
            }
        }
        Ok(true)
    }

    /// Reads what is missing of the body.
    async fn read_body(&mut self, bytes: &mut (impl AsyncRead + Unpin)) -> Result<(), StreamError> {
        while self.missing > 0 {
            Buffers::grow(&mut self.body, self.missing);
            let room = (self.body.capacity() - self.body.len()).min(self.missing);
            match bytes.read_buf(&mut (&mut self.body).limit(room)).await {
                Ok(0) => return Err(StreamError::Malformed),
                Ok(read) => self.missing -= read,
                Err(error) => return Err(io_error(&error)),
            }
        }
        Ok(())
    }
}

/// A quinn stream cut into frames.
#[derive(Debug)]
pub(crate) struct QuicRecv {
    stream: RecvStream,
    cutter: FrameCutter,
    end: Option<Result<(), StreamError>>,
}

impl QuicRecv {
    pub(crate) fn new(stream: RecvStream, frame_max: usize, buffers: Buffers) -> Self {
        Self {
            stream,
            cutter: FrameCutter::new(frame_max, buffers),
            end: None,
        }
    }

    fn cut(&mut self, code: ResetCode) {
        if self.stream.stop(VarInt::from_u32(code.as_u32())).is_err() {
            // It was over already, which is all that is asked.
        }
    }
}

#[async_trait]
impl RecvHalf for QuicRecv {
    async fn recv(&mut self) -> Result<Option<Bytes>, StreamError> {
        if let Some(end) = self.end {
            return end.map(|()| None);
        }
        let result = self.cutter.next(&mut self.stream).await;
        match &result {
            Ok(Some(_)) => {}
            Ok(None) => self.end = Some(Ok(())),
            Err(error) => {
                self.end = Some(Err(*error));
                self.cutter = FrameCutter::new(0, Buffers::default());
                self.cut(ResetCode::Decode);
            }
        }
        result
    }

    fn stop(mut self: Box<Self>, code: ResetCode) {
        self.cut(code);
        self.end = Some(Ok(()));
    }
}

impl Drop for QuicRecv {
    fn drop(&mut self) {
        if self.end.is_none() {
            self.cut(ResetCode::Dropped);
        }
    }
}

fn read_error(error: &ReadError) -> StreamError {
    match error {
        ReadError::Reset(code) => StreamError::Reset(reset_code(*code)),
        ReadError::ConnectionLost(_) => StreamError::Disconnected,
        ReadError::ClosedStream | ReadError::IllegalOrderedRead | ReadError::ZeroRttRejected => {
            StreamError::Malformed
        }
    }
}

/// quinn's reason inside the I/O error that tokio's trait makes of it.
fn io_error(error: &io::Error) -> StreamError {
    let reason = error
        .get_ref()
        .and_then(|reason| reason.downcast_ref::<ReadError>());
    reason.map_or(StreamError::Disconnected, read_error)
}
