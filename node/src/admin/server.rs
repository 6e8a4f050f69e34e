//! Takes the connections of the admin API.

mod deadline;
mod tls;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use self::deadline::WriteDeadline;
use self::tls::AdminTls;
use super::token::Token;
use super::{App, RenderMetrics, router};
use crate::config::AdminConfig;
use crate::running::Running;

/// Connections at once.
const CONNECTIONS_MAX: usize = 512;

/// How long a handshake, and the head of a request, may take.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);

/// How long a part of an answer may wait to be read.
const READ_DEADLINE: Duration = Duration::from_secs(30);

/// How long requests that run may take to end, when the node stops.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// How long to wait after the system could not take a connection.
const AGAIN: Duration = Duration::from_millis(100);

/// The admin API, listening.
pub(crate) struct AdminServer {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl AdminServer {
    /// Listens as configured. Off loopback it refuses to start without TLS and a token.
    pub(crate) async fn start(running: Arc<Running>, metrics: Option<RenderMetrics>) -> Result<Self> {
        let config = running.config.admin.clone();
        let (tls, token) = secured(&config)?;
        let listener = TcpListener::bind(config.listen)
            .await
            .with_context(|| format!("`admin.listen`: cannot take connections at {}", config.listen))?;
        let address = listener.local_addr().context("the admin API's own address")?;
        let app = App::new(running, token.map(Arc::new), metrics);
        let (stop, stopped) = watch::channel(false);
        let server = Serving {
            router: router(app),
            tls: tls.clone(),
        };
        let task = tokio::spawn(server.run(listener, stopped));
        info!(%address, tls = tls.is_some(), "the admin API listens");
        if let Some(tls) = tls {
            tokio::spawn(tls.follow(stop.subscribe()));
        }
        Ok(Self { address, stop, task })
    }

    /// Takes no more connections, and lets requests that run end, for a while.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        if timeout(STOP_DEADLINE * 2, self.task).await.is_err() {
            warn!("the admin API did not end in time");
        }
    }
}

impl fmt::Debug for AdminServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// TLS and token, where they are configured; an error where they have to be and are not.
fn secured(config: &AdminConfig) -> Result<(Option<Arc<AdminTls>>, Option<Token>)> {
    let tls = match &config.certificate {
        Some((certificate, key)) => Some(Arc::new(AdminTls::read(certificate, key)?)),
        None => None,
    };
    let token = config.token_file.as_deref().map(Token::read).transpose()?;
    if !config.listen.ip().is_loopback() {
        let listen = config.listen;
        ensure!(
            tls.is_some(),
            "`admin.certificate` and `admin.key` are missing: {listen} can be reached from other machines, which takes \
             TLS"
        );
        ensure!(
            token.is_some(),
            "`admin.token_file` is missing: {listen} can be reached from other machines, which takes a token"
        );
    }
    Ok((tls, token))
}

struct Serving {
    router: Router,
    tls: Option<Arc<AdminTls>>,
}

impl Serving {
    async fn run(self, listener: TcpListener, mut stopped: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let graceful = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => break,
                accepted = accept(&listener, &places) => accepted,
            };
            let Some((stream, place)) = accepted else { continue };
            let (router, tls, watcher) = (self.router.clone(), self.tls.clone(), graceful.watcher());
            let mut cut = stopped.clone();
            tokio::spawn(async move {
                let _place = place;
                tokio::select! {
                    () = connection(stream, router, tls, watcher) => {}
                    // Those that do not end by themselves.
                    () = async { let _ = cut.wait_for(|stopped| *stopped).await; sleep(STOP_DEADLINE).await } => {}
                }
            });
        }
        drop(listener);
        if timeout(STOP_DEADLINE, graceful.shutdown()).await.is_err() {
            debug!("requests to the admin API were cut");
        }
    }
}

type Place = tokio::sync::OwnedSemaphorePermit;

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Option<(TcpStream, Place)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            warn!(%error, "a connection to the admin API could not be taken");
            sleep(AGAIN).await;
            None
        }
    }
}

async fn connection(stream: TcpStream, router: Router, tls: Option<Arc<AdminTls>>, watcher: Watcher) {
    let Some(tls) = tls else {
        return requests(stream, router, watcher).await;
    };
    match timeout(HEAD_DEADLINE, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => requests(stream, router, watcher).await,
        Ok(Err(error)) => debug!(%error, "a handshake with the admin API failed"),
        Err(_) => debug!("a handshake with the admin API did not end"),
    }
}

async fn requests<S>(stream: S, router: Router, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(router);
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .max_headers(64)
        .serve_connection(TokioIo::new(WriteDeadline::new(stream, READ_DEADLINE)), service);
    if let Err(error) = watcher.watch(connection).await {
        debug!(%error, "a connection to the admin API broke");
    }
}

#[cfg(test)]
mod tests;
