//! TCP and rustls without anything of ours but the certificates.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use rustls::pki_types::ServerName;
use tidegate_transport_tls::{client_config, expected_name, server_config};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::ends::Ends;
use super::load::Load;
use super::networks::{SOURCE, any_port, identities};

/// Bytes read from the system at once, as ours are: rustls alone asks for less, and is slower.
const READ_BUFFER: usize = 32 << 10;

const ALPN: &[u8] = b"bare";

type Socket = BufReader<TcpStream>;
/// One connection at the end that reads.
type Connection = Arc<Mutex<client::TlsStream<Socket>>>;

/// A connection for every stream; the source waits on each for the word to send.
#[derive(Debug)]
pub(super) struct BareTcp {
    connections: Vec<Connection>,
    ends: Ends,
    load: Load,
}

impl BareTcp {
    pub(super) fn new(load: &Load) -> Result<Self> {
        let ends = Ends::new()?;
        let (source, target) = identities()?;
        let acceptor = TlsAcceptor::from(Arc::new(server_config(&source, ALPN)?));
        let connector = TlsConnector::from(Arc::new(client_config(&target, ALPN)?));
        let listener = ends.source.block_on(TcpListener::bind(any_port()))?;
        let address = listener.local_addr()?;
        let (sent, streams) = (load.clone(), load.streams);
        ends.source.spawn(async move {
            for _ in 0..streams {
                let (socket, _) = listener.accept().await?;
                let stream = acceptor.accept(prepared(socket)?).await?;
                tokio::spawn(serve(stream, sent.clone()));
            }
            anyhow::Ok(())
        });
        let connections = (0..streams).map(|_| {
            let connecting = async {
                let socket = prepared(TcpStream::connect(address).await?)?;
                let name = ServerName::try_from(expected_name(SOURCE))?;
                anyhow::Ok(connector.connect(name, socket).await?)
            };
            let connection = ends.target.block_on(connecting)?;
            Ok(Arc::new(Mutex::new(connection)))
        });
        Ok(Self {
            connections: connections.collect::<Result<_>>()?,
            ends,
            load: load.clone(),
        })
    }

    /// Carries the load once.
    pub(super) fn carry(&self) -> Result<()> {
        let streams = self.connections.iter().map(|connection| {
            let (connection, load) = (Arc::clone(connection), self.load.clone());
            async move {
                let mut connection = connection.lock().await;
                connection.write_u8(1).await?;
                connection.flush().await?;
                receive(&mut *connection, &load).await
            }
        });
        self.ends.at_target(streams)
    }
}

fn prepared(socket: TcpStream) -> Result<Socket> {
    socket.set_nodelay(true)?;
    Ok(BufReader::with_capacity(READ_BUFFER, socket))
}

/// Sends the load each time it is asked to.
async fn serve(mut stream: server::TlsStream<Socket>, load: Load) -> Result<()> {
    loop {
        stream.read_u8().await?;
        let mut digest = 0;
        for batch in 0..load.batches {
            let payload = load.payload(batch);
            digest = crc32c::crc32c_append(digest, &payload);
            stream.write_all(&payload).await?;
        }
        stream.write_u32(digest).await?;
        stream.flush().await?;
    }
}

/// Reads the load and its digest.
async fn receive(stream: &mut (impl AsyncRead + Unpin), load: &Load) -> Result<()> {
    let mut buffer = vec![0; load.batch_bytes];
    let (mut bytes, mut digest) = (0, 0);
    while bytes < load.bytes_per_stream() {
        let left = usize::try_from(load.bytes_per_stream() - bytes)?;
        let room = left.min(buffer.len());
        let read = stream.read(&mut buffer[..room]).await?;
        ensure!(read > 0, "the source is gone");
        digest = crc32c::crc32c_append(digest, &buffer[..read]);
        bytes += read as u64;
    }
    let theirs = stream.read_u32().await.context("the digest")?;
    load.check(bytes, theirs)?;
    load.check(bytes, digest)
}
