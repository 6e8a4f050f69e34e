//! gRPC by tonic, tuned, over its own TLS.

mod service;

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use tidegate_transport_tls::authority::Authority;
use tonic::Request;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig};
use tonic_prost::ProstCodec;

use self::service::{Ask, PATH, Piece, Streams};
use super::ends::Ends;
use super::load::Load;
use super::networks::any_port;

/// Bytes that may be under way, of a stream and of a connection.
const WINDOW: u32 = 8 << 20;

/// Bytes of an HTTP/2 frame.
const FRAME: u32 = 256 << 10;

const NAME: &str = "localhost";

/// One channel; the server streams.
#[derive(Debug)]
pub(super) struct Grpc {
    channel: Channel,
    ends: Ends,
    load: Load,
}

impl Grpc {
    pub(super) fn new(load: &Load) -> Result<Self> {
        prefer_aes_128();
        let ends = Ends::new()?;
        let authority = Authority::new("bench")?;
        let issued = authority.issue_server_pem(&[NAME.to_owned()])?;
        let identity = Identity::from_pem(&issued.certificate, &issued.key);
        let incoming = {
            let _entered = ends.source.enter();
            TcpIncoming::bind(any_port())?.with_nodelay(Some(true))
        };
        let port = incoming.local_addr()?.port();
        let server = Server::builder()
            .tls_config(ServerTlsConfig::new().identity(identity))?
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_frame_size(FRAME)
            .add_service(Streams(load.clone()))
            .serve_with_incoming(incoming);
        ends.source.spawn(server);
        let authority = Certificate::from_pem(authority.certificates_pem());
        let tls = ClientTlsConfig::new().ca_certificate(authority).domain_name(NAME);
        let endpoint = Endpoint::from_shared(format!("https://{NAME}:{port}"))?
            .tls_config(tls)?
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_frame_size(FRAME);
        Ok(Self {
            channel: ends.target.block_on(endpoint.connect())?,
            ends,
            load: load.clone(),
        })
    }

    /// Carries the load once.
    pub(super) fn carry(&self) -> Result<()> {
        let streams = (0..self.load.streams).map(|_| receive(self.channel.clone(), self.load.clone()));
        self.ends.at_target(streams)
    }
}

/// tonic takes the cipher from the process's default, which would be AES-256. Ours name their own and never look.
fn prefer_aes_128() {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites = vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256];
    // Of two cases the first has done it.
    let _done = CryptoProvider::install_default(provider).is_err();
}

async fn receive(channel: Channel, load: Load) -> Result<()> {
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.context("the channel is gone")?;
    let codec = ProstCodec::<Ask, Piece>::default();
    let ask = Request::new(Ask {});
    let answer = grpc.server_streaming(ask, PathAndQuery::from_static(PATH), codec);
    let mut pieces = answer.await?.into_inner();
    let (mut bytes, mut digest) = (0, 0);
    while let Some(piece) = pieces.message().await? {
        if let Some(theirs) = piece.digest {
            load.check(bytes, theirs)?;
            return load.check(bytes, digest);
        }
        digest = crc32c::crc32c_append(digest, &piece.payload);
        bytes += piece.payload.len() as u64;
    }
    bail!("an end without a digest")
}
