//! Routers and calls where the transport is not the point.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_transport::rpc::{self, Answers, Handler, RpcError, RpcService};
use tidegate_transport::service::{Hello, Router, RouterConfig, Service, ServiceId, open_service};
use tidegate_transport::{Duplex, PeerId, ResetCode, StreamError, Transport};
use tidegate_transport_mem::{MemConfig, MemNetwork, MemTransport};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

const A: PeerId = PeerId::new(1);
const B: PeerId = PeerId::new(2);
const HOLD: ServiceId = ServiceId::new(1);
const PANIC: ServiceId = ServiceId::new(2);
const ECHO: ServiceId = ServiceId::new(3);

const REFUSED: StreamError = StreamError::Reset(ResetCode::Refused);
const DROPPED: StreamError = StreamError::Reset(ResetCode::Dropped);

/// Holds every stream for ever, and counts them.
#[derive(Debug)]
struct Hold {
    held: Semaphore,
}

#[async_trait]
impl Service for Hold {
    async fn serve(&self, _peer: PeerId, stream: Duplex) {
        self.held.add_permits(1);
        std::future::pending::<()>().await;
        drop(stream);
    }
}

#[derive(Debug)]
struct Panic;

#[async_trait]
impl Service for Panic {
    async fn serve(&self, _peer: PeerId, _stream: Duplex) {
        panic!("as this service does");
    }
}

#[derive(Debug)]
struct Echo;

#[async_trait]
impl Handler for Echo {
    async fn handle(&self, _peer: PeerId, request: Bytes, answers: &mut Answers) -> Result<(), ResetCode> {
        Ok(answers.send(request).await?)
    }
}

struct World {
    network: MemNetwork,
    a: Arc<MemTransport>,
    b: Arc<MemTransport>,
    hold: Arc<Hold>,
    router: Router,
}

fn world(config: RouterConfig) -> World {
    let network = MemNetwork::new(MemConfig::default());
    let (a, b) = (network.join(A).unwrap(), network.join(B).unwrap());
    let hold = Arc::new(Hold {
        held: Semaphore::new(0),
    });
    let router = Router::new(Arc::clone(&b) as Arc<dyn Transport>, config)
        .with(HOLD, Arc::clone(&hold) as Arc<dyn Service>)
        .with(PANIC, Arc::new(Panic))
        .with(ECHO, Arc::new(RpcService::new(Echo)));
    World {
        network,
        a,
        b,
        hold,
        router,
    }
}

async fn echo(a: &MemTransport) -> Result<Bytes, RpcError> {
    rpc::call_one(a, B, ECHO, Bytes::from_static(b"hear"), Duration::from_secs(5)).await
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_says_no_hello_is_stalled() {
    let World {
        a, router, network, ..
    } = world(RouterConfig::default());
    let _running = tokio::spawn(async move { router.run().await });
    // The stream is known at once, its hello comes after the wait.
    let late = RouterConfig::default().hello_wait * 2;
    let mut silent = a.open(B).await.unwrap();
    network.set_delay(A, B, late..=late);
    silent.send.send(&[Hello::new(HOLD).encode()]).await.unwrap();
    assert_eq!(
        silent.recv.recv().await,
        Err(StreamError::Reset(ResetCode::Stalled))
    );
}

#[tokio::test]
async fn a_peer_has_so_many_streams_served_and_no_more() {
    let World { a, hold, router, .. } = world(RouterConfig {
        streams_per_peer: 2,
        ..RouterConfig::default()
    });
    let running = tokio::spawn(async move { router.run().await });
    let one = open_service(&*a, B, HOLD).await.unwrap();
    let _two = open_service(&*a, B, HOLD).await.unwrap();
    hold.held.acquire_many(2).await.unwrap().forget();
    let mut three = open_service(&*a, B, HOLD).await.unwrap();
    assert_eq!(three.recv.recv().await, Err(REFUSED));
    assert_eq!(three.send.stopped().await, REFUSED);
    drop((one, running));
}

#[tokio::test]
async fn a_service_that_panics_harms_no_other() {
    let World { a, router, .. } = world(RouterConfig {
        streams_per_peer: 1,
        ..RouterConfig::default()
    });
    let _running = tokio::spawn(async move { router.run().await });
    for _ in 0..3 {
        let mut stream = open_service(&*a, B, PANIC).await.unwrap();
        assert_eq!(stream.recv.recv().await, Err(DROPPED));
    }
    // The slot is given back just after the stream is reset.
    let answered = timeout(Duration::from_secs(5), async {
        loop {
            match echo(&a).await {
                Err(RpcError::Stream(REFUSED)) => tokio::task::yield_now().await,
                answered => return answered,
            }
        }
    });
    assert_eq!(answered.await.unwrap(), Ok(Bytes::from_static(b"hear")));
}

#[tokio::test(start_paused = true)]
async fn a_router_ends_with_its_transport_and_aborts_what_lingers() {
    let config = RouterConfig {
        stop_wait: Duration::from_secs(7),
        ..RouterConfig::default()
    };
    let World {
        a, b, hold, router, ..
    } = world(config);
    let running = tokio::spawn(async move { router.run().await });
    let _held = open_service(&*a, B, HOLD).await.unwrap();
    hold.held.acquire().await.unwrap().forget();
    let start = Instant::now();
    b.shutdown().await;
    running.await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(7));
}

#[tokio::test]
async fn a_router_that_is_dropped_aborts_its_services_and_can_run_again() {
    let World { a, hold, router, .. } = world(RouterConfig::default());
    let router = Arc::new(router);
    let again = Arc::clone(&router);
    let running = tokio::spawn(async move { router.run().await });
    let mut held = open_service(&*a, B, HOLD).await.unwrap();
    hold.held.acquire().await.unwrap().forget();
    running.abort();
    assert_eq!(held.recv.recv().await, Err(DROPPED));
    let _running = tokio::spawn(async move { again.run().await });
    assert!(echo(&a).await.is_ok());
}

#[tokio::test]
async fn a_caller_that_says_more_than_its_request_is_refused() {
    let World { a, router, .. } = world(RouterConfig::default());
    let router = router.with(HOLD, Arc::new(RpcService::new(Never)));
    let _running = tokio::spawn(async move { router.run().await });
    let mut stream = open_service(&*a, B, HOLD).await.unwrap();
    stream.send.send(&[Bytes::from_static(b"request")]).await.unwrap();
    stream
        .send
        .send(&[Bytes::from_static(b"and more")])
        .await
        .unwrap();
    assert_eq!(
        stream.recv.recv().await,
        Err(StreamError::Reset(ResetCode::Decode))
    );
}

#[tokio::test]
async fn a_caller_that_ends_its_side_is_still_answered() {
    let World { a, router, .. } = world(RouterConfig::default());
    let _running = tokio::spawn(async move { router.run().await });
    let Duplex { mut send, mut recv } = open_service(&*a, B, ECHO).await.unwrap();
    send.send(&[Bytes::from_static(b"hear")]).await.unwrap();
    send.finish().await.unwrap();
    assert_eq!(recv.recv().await, Ok(Some(Bytes::from_static(b"hear"))));
    assert_eq!(recv.recv().await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_covers_the_answers_too() {
    let World { a, router, .. } = world(RouterConfig::default());
    let router = router.with(HOLD, Arc::new(RpcService::new(Never)));
    let _running = tokio::spawn(async move { router.run().await });
    let wait = Duration::from_secs(3);
    let start = Instant::now();
    let mut reply = rpc::call(&*a, B, HOLD, Bytes::new(), wait).await.unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(reply.next().await, Err(RpcError::TimedOut { waited: wait }));
    assert_eq!(start.elapsed(), wait);
}

/// A peer can fall silent in the middle of a call: what it says is taken and never arrives.
#[tokio::test(start_paused = true)]
async fn a_caller_that_falls_silent_before_its_request_holds_its_stream_no_longer_than_its_wait() {
    let World {
        network, a, router, ..
    } = world(RouterConfig::default());
    let wait = Duration::from_secs(2);
    let router = router.with(ECHO, Arc::new(RpcService::new(Echo).with_caller_wait(wait)));
    let _running = tokio::spawn(async move { router.run().await });
    let mut stream = open_service(&*a, B, ECHO).await.unwrap();
    network.silence(A, B);
    stream.send.send(&[Bytes::from_static(b"unheard")]).await.unwrap();
    let begun = Instant::now();
    assert_eq!(stream.recv.recv().await, Err(DROPPED));
    assert_eq!(begun.elapsed(), wait);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_takes_no_answers_holds_its_stream_no_longer_than_its_wait() {
    let World { a, router, .. } = world(RouterConfig::default());
    let wait = Duration::from_secs(2);
    let router = router.with(HOLD, Arc::new(RpcService::new(Endless).with_caller_wait(wait)));
    let _running = tokio::spawn(async move { router.run().await });
    let mut stream = open_service(&*a, B, HOLD).await.unwrap();
    let begun = Instant::now();
    stream.send.send(&[Bytes::from_static(b"all")]).await.unwrap();
    stream.send.stopped().await;
    assert_eq!(begun.elapsed(), wait);
    let last = loop {
        match stream.recv.recv().await {
            Ok(answer) => assert!(answer.is_some(), "answers that were cut short have no end"),
            Err(error) => break error,
        }
    };
    assert_eq!(last, StreamError::Reset(ResetCode::Stalled));
}

/// A handler that answers for as long as anybody listens.
#[derive(Debug)]
struct Endless;

#[async_trait]
impl Handler for Endless {
    async fn handle(&self, _peer: PeerId, request: Bytes, answers: &mut Answers) -> Result<(), ResetCode> {
        loop {
            answers.send(request.clone()).await?;
        }
    }
}

/// A handler that never answers.
#[derive(Debug)]
struct Never;

#[async_trait]
impl Handler for Never {
    async fn handle(&self, _peer: PeerId, _request: Bytes, _answers: &mut Answers) -> Result<(), ResetCode> {
        std::future::pending().await
    }
}
