//! quinn without anything of ours but the certificates, configured as our transport configures it.

mod socket;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use quinn::congestion::CubicConfig;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    AckFrequencyConfig, ClientConfig, Connection, Endpoint, EndpointConfig, IdleTimeout, MtuDiscoveryConfig,
    RecvStream, SendStream, ServerConfig, TokioRuntime, TransportConfig, VarInt,
};
use tidegate_transport_quic::{MTU_JUMBO, QuicLimits};
use tidegate_transport_tls::{client_config, expected_name, server_config};

use super::ends::Ends;
use super::load::Load;
use super::networks::{SOURCE, any_port, identities};

const ALPN: &[u8] = b"bare";

/// Chunks read at once.
const CHUNKS: usize = 32;

/// One connection, on which the target opens a stream for every load that it wants.
#[derive(Debug)]
pub(super) struct BareQuic {
    connection: Connection,
    endpoints: [Endpoint; 2],
    ends: Ends,
    load: Load,
}

impl BareQuic {
    pub(super) fn new(limits: &QuicLimits, load: &Load) -> Result<Self> {
        let ends = Ends::new()?;
        let (source, target) = identities()?;
        let transport = Arc::new(transport_config(limits)?);
        let mut server = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(server_config(
            &source, ALPN,
        )?)?));
        server.transport_config(Arc::clone(&transport)).migration(false);
        let mut client = ClientConfig::new(Arc::new(QuicClientConfig::try_from(client_config(
            &target, ALPN,
        )?)?));
        client.transport_config(transport);
        let endpoint = |server| -> Result<Endpoint> {
            let socket = socket::bind(any_port(), limits)?;
            let mut config = EndpointConfig::default();
            config.max_udp_payload_size(limits.mtu_max.max(MTU_JUMBO))?;
            let runtime = Arc::new(TokioRuntime);
            Ok(Endpoint::new_with_abstract_socket(
                config, server, socket, runtime,
            )?)
        };
        let source = {
            let _entered = ends.source.enter();
            endpoint(Some(server))?
        };
        let target = {
            let _entered = ends.target.enter();
            endpoint(None)?
        };
        let (accepting, sent) = (source.clone(), load.clone());
        ends.source.spawn(async move {
            let incoming = accepting.accept().await.context("no connection came")?;
            serve(incoming.await?, sent).await
        });
        let connection = ends.target.block_on(async {
            let connecting = target.connect_with(client, source.local_addr()?, &expected_name(SOURCE))?;
            anyhow::Ok(connecting.await?)
        })?;
        Ok(Self {
            connection,
            endpoints: [source, target],
            ends,
            load: load.clone(),
        })
    }

    /// Carries the load once.
    pub(super) fn carry(&self) -> Result<()> {
        let streams = (0..self.load.streams).map(|_| {
            let (connection, load) = (self.connection.clone(), self.load.clone());
            async move {
                let (mut send, recv) = connection.open_bi().await?;
                send.write_all(&[1]).await?;
                send.finish()?;
                receive(recv, &load).await
            }
        });
        self.ends.at_target(streams)
    }
}

impl Drop for BareQuic {
    fn drop(&mut self) {
        for endpoint in &self.endpoints {
            endpoint.close(VarInt::from_u32(0), b"");
        }
    }
}

/// What `QuicLimits` makes of itself, in quinn's words. The congestion control is the same CUBIC with the same first
/// window.
fn transport_config(limits: &QuicLimits) -> Result<TransportConfig> {
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(limits.mtu_max);
    let datagram = u64::from(limits.initial_mtu);
    let mut cubic = CubicConfig::default();
    cubic.initial_window((10 * datagram).min(14_720.max(2 * datagram)));
    let mut acks = AckFrequencyConfig::default();
    acks.max_ack_delay(Some(Duration::from_millis(2)));
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(limits.streams_per_peer))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(VarInt::from_u32(limits.stream_window))
        .receive_window(VarInt::from_u64(limits.connection_window())?)
        .send_window(limits.send_window)
        .send_fairness(true)
        .max_idle_timeout(Some(IdleTimeout::try_from(limits.idle_timeout)?))
        .keep_alive_interval(Some(limits.idle_timeout / 3))
        .initial_rtt(limits.initial_rtt)
        .initial_mtu(limits.initial_mtu)
        .mtu_discovery_config(Some(discovery))
        .allow_spin(false)
        .ack_frequency_config(Some(acks))
        .congestion_controller_factory(Arc::new(cubic));
    Ok(config)
}

/// Sends the load on every stream that is opened.
async fn serve(connection: Connection, load: Load) -> Result<()> {
    loop {
        let (send, mut recv) = connection.accept_bi().await?;
        let load = load.clone();
        tokio::spawn(async move {
            recv.read_to_end(1).await?;
            send_all(send, load).await
        });
    }
}

async fn send_all(mut send: SendStream, load: Load) -> Result<()> {
    let mut digest = 0;
    for batch in 0..load.batches {
        let payload = load.payload(batch);
        digest = crc32c::crc32c_append(digest, &payload);
        send.write_chunk(payload).await?;
    }
    send.write_all(&digest.to_be_bytes()).await?;
    send.finish()?;
    Ok(())
}

/// Reads the load, whose digest comes last.
async fn receive(mut recv: RecvStream, load: &Load) -> Result<()> {
    let (mut bytes, mut digest) = (0, 0);
    let mut trailer = Vec::new();
    let mut chunks = [const { Bytes::new() }; CHUNKS];
    while let Some(count) = recv.read_chunks(&mut chunks).await? {
        for chunk in &mut chunks[..count] {
            let left = usize::try_from(load.bytes_per_stream() - bytes)?;
            let payload = chunk.split_to(chunk.len().min(left));
            digest = crc32c::crc32c_append(digest, &payload);
            bytes += payload.len() as u64;
            trailer.extend_from_slice(chunk);
            *chunk = Bytes::new();
        }
    }
    ensure!(trailer.len() == 4, "the source is gone");
    let theirs = trailer.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
    load.check(bytes, theirs)?;
    load.check(bytes, digest)
}
