//! The service, as `tonic-build` would write it.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use prost::Message;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{Grpc, NamedService, ServerStreamingService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use crate::cases::stream::load::Load;

/// The method's path.
pub(super) const PATH: &str = "/bench.Streams/Pull";

/// Asks for the load.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Ask {}

/// A batch, or the digest of all of them.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Piece {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) payload: Bytes,
    #[prost(fixed32, optional, tag = "2")]
    pub(super) digest: Option<u32>,
}

/// Streams the load to whoever asks.
#[derive(Debug, Clone)]
pub(super) struct Streams(pub(super) Load);

impl NamedService for Streams {
    const NAME: &'static str = "bench.Streams";
}

impl Service<http::Request<Body>> for Streams {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let pull = Pull(self.0.clone());
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<Piece, Ask>::default());
            Ok(grpc.server_streaming(pull, request).await)
        })
    }
}

/// The one method.
#[derive(Debug)]
struct Pull(Load);

impl ServerStreamingService<Ask> for Pull {
    type Response = Piece;
    type ResponseStream = Pieces;
    type Future = Ready<Result<Response<Pieces>, Status>>;

    fn call(&mut self, _ask: Request<Ask>) -> Self::Future {
        ready(Ok(Response::new(Pieces {
            load: self.0.clone(),
            next: 0,
            digest: 0,
        })))
    }
}

/// The load as messages.
#[derive(Debug)]
struct Pieces {
    load: Load,
    next: u64,
    digest: u32,
}

impl Stream for Pieces {
    type Item = Result<Piece, Status>;

    fn poll_next(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let batch = self.next;
        self.next += 1;
        let piece = match batch.cmp(&self.load.batches) {
            std::cmp::Ordering::Less => {
                let payload = self.load.payload(batch);
                self.digest = crc32c::crc32c_append(self.digest, &payload);
                Piece {
                    payload,
                    digest: None,
                }
            }
            std::cmp::Ordering::Equal => Piece {
                payload: Bytes::new(),
                digest: Some(self.digest),
            },
            std::cmp::Ordering::Greater => return Poll::Ready(None),
        };
        Poll::Ready(Some(Ok(piece)))
    }
}
