//! The receiving half of a stream.

use std::future::poll_fn;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_transport::{RecvHalf, ResetCode, StreamError};

use crate::stream::Stream;

/// Takes frames from the driver of the connection.
#[derive(Debug)]
pub(crate) struct TcpRecv {
    stream: Arc<Stream>,
    is_stopped: bool,
}

impl TcpRecv {
    pub(crate) fn new(stream: Arc<Stream>) -> Self {
        Self {
            stream,
            is_stopped: false,
        }
    }
}

/// Somebody waits for a frame, until this is dropped.
struct Wanting<'a>(&'a Stream);

impl Drop for Wanting<'_> {
    fn drop(&mut self) {
        self.0.unwanted();
    }
}

#[async_trait]
impl RecvHalf for TcpRecv {
    async fn recv(&mut self) -> Result<Option<Bytes>, StreamError> {
        let wanting = Wanting(&self.stream);
        poll_fn(|context| wanting.0.poll_recv(context)).await
    }

    fn stop(mut self: Box<Self>, code: ResetCode) {
        self.stream.let_go_of_receiver(code);
        self.is_stopped = true;
    }
}

impl Drop for TcpRecv {
    fn drop(&mut self) {
        if !self.is_stopped {
            self.stream.let_go_of_receiver(ResetCode::Dropped);
        }
    }
}
