//! Remote calls over the transport.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::stage::{Ends, Stage, ok, pattern, recv, same, within};
use super::{DEADLINE, Verdict};
use crate::rpc::{self, Answers, Handler, RpcError, RpcService};
use crate::service::{Hello, Router, RouterConfig, ServiceId};
use crate::{PeerId, ResetCode, StreamError};

const KNOWN: ServiceId = ServiceId::new(41);
const UNKNOWN: ServiceId = ServiceId::new(42);

/// Answers by what the request asks for.
#[derive(Debug, Default)]
struct Script {
    entered: Notify,
    dropped: Notify,
}

#[derive(Debug)]
struct Shared(Arc<Script>);

/// Tells when the handler's future is gone.
struct Leaving(Arc<Script>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.dropped.notify_one();
    }
}

#[async_trait]
impl Handler for Shared {
    async fn handle(&self, peer: PeerId, request: Bytes, answers: &mut Answers) -> Result<(), ResetCode> {
        let _leaving = Leaving(Arc::clone(&self.0));
        self.0.entered.notify_one();
        match &request[..] {
            b"who" => answers.send(Bytes::from(peer.to_string())).await?,
            b"refuse" => return Err(ResetCode::SessionClosed),
            b"hang" => std::future::pending().await,
            b"nothing" => {}
            request => {
                for index in 0..request.len() {
                    answers.send(pattern(index, 3000)).await?;
                }
            }
        }
        Ok(())
    }
}

/// The receiving end serves [`Script`]; ends when the set is dropped.
fn serve(ends: &Ends) -> (JoinSet<()>, Arc<Script>) {
    let script = Arc::new(Script::default());
    let service = Arc::new(RpcService::new(Shared(Arc::clone(&script))));
    let transport = Arc::clone(&ends.receiver().transport);
    let mut running = JoinSet::new();
    running.spawn(async move {
        Router::new(transport, RouterConfig::default())
            .with(KNOWN, service)
            .run()
            .await;
    });
    (running, script)
}

async fn ask(ends: &Ends, service: ServiceId, request: &'static [u8]) -> Result<Bytes, RpcError> {
    let (caller, peer) = (&*ends.sender().transport, ends.receiver().transport.local());
    rpc::call_one(caller, peer, service, Bytes::from_static(request), DEADLINE / 2).await
}

/// One request, one answer; the handler knows who asks.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_call_is_answered(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let _served = serve(&ends);
    let who = Bytes::from(ends.sender().transport.local().to_string());
    for _ in 0..3 * ends.receiver().limits.streams_per_peer {
        let answered = ok("a call", within("a call ends", ask(&ends, KNOWN, b"who")).await?)?;
        same("the answer", &answered, &who)?;
    }
    Ok(())
}

/// Many answers come in order; a call for one does not take none, or two.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_call_has_as_many_answers_as_its_handler_gives(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let _served = serve(&ends);
    let (caller, peer) = (&*ends.sender().transport, ends.receiver().transport.local());
    let request = Bytes::from(vec![b'x'; 500]);
    let mut reply = ok(
        "call",
        rpc::call(caller, peer, KNOWN, request, DEADLINE / 2).await,
    )?;
    for index in 0..500 {
        let answer = ok("an answer", within("an answer comes", reply.next()).await?)?;
        same("an answer", &answer, &Some(pattern(index, 3000)))?;
    }
    same(
        "after the last answer",
        &within("the end comes", reply.next()).await?,
        &Ok(None),
    )?;
    for request in [&b"nothing"[..], b"xx"] {
        let asked = within("a call ends", ask(&ends, KNOWN, request)).await?;
        same("a call for one answer", &asked, &Err(RpcError::Protocol))?;
    }
    Ok(())
}

/// The caller hears of it, and the handler's future is dropped.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_call_ends_at_its_deadline(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let (_running, script) = serve(&ends);
    // The deadline is the call's: whatever it takes to connect is over before.
    ok("a call", within("a call ends", ask(&ends, KNOWN, b"who")).await?)?;
    within("the handler was entered", script.entered.notified()).await?;
    within("the handler is dropped", script.dropped.notified()).await?;
    let (caller, peer) = (&*ends.sender().transport, ends.receiver().transport.local());
    let deadline = Duration::from_millis(200);
    let calling = rpc::call_one(caller, peer, KNOWN, Bytes::from_static(b"hang"), deadline);
    match within("a call ends", calling).await? {
        Err(RpcError::TimedOut { waited }) => same("waited long enough", &(waited >= deadline), &true)?,
        other => same(
            "a call past its deadline",
            &other,
            &Err(RpcError::TimedOut { waited: deadline }),
        )?,
    }
    within("the handler was entered", script.entered.notified()).await?;
    within("the handler is dropped", script.dropped.notified()).await
}

/// A caller that is dropped takes the handler's future along.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_caller_that_goes_away_ends_its_handler(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let (_running, script) = serve(&ends);
    let caller = Arc::clone(&ends.sender().transport);
    let peer = ends.receiver().transport.local();
    let mut calling = JoinSet::new();
    calling.spawn(async move {
        rpc::call_one(&*caller, peer, KNOWN, Bytes::from_static(b"hang"), DEADLINE)
            .await
            .map(drop)
    });
    within("the handler is entered", script.entered.notified()).await?;
    drop(calling);
    within("the handler is dropped", script.dropped.notified()).await
}

/// What a handler refuses with.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn a_refusal_arrives_with_its_code(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let _served = serve(&ends);
    let asked = within("a call ends", ask(&ends, KNOWN, b"refuse")).await?;
    same(
        "a refused call",
        &asked,
        &Err(RpcError::Stream(StreamError::Reset(ResetCode::SessionClosed))),
    )
}

/// Nobody serves it there; other services go on.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn an_unknown_service_is_refused(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let _served = serve(&ends);
    let asked = within("a call ends", ask(&ends, UNKNOWN, b"who")).await?;
    same(
        "an unknown service",
        &asked,
        &Err(RpcError::Stream(StreamError::Reset(ResetCode::Refused))),
    )?;
    ok(
        "a call after it",
        within("a call ends", ask(&ends, KNOWN, b"who")).await?,
    )
    .map(drop)
}

/// A hello of another version, or none at all, goes no further.
///
/// # Errors
///
/// The violation found.
///
/// # Cancel safety
///
/// Safe.
pub async fn another_wire_version_is_refused(stage: Stage) -> Verdict {
    let ends = stage.set_up().await;
    let _served = serve(&ends);
    let (caller, peer) = (&*ends.sender().transport, ends.receiver().transport.local());
    let later = Hello {
        version: u16::MAX,
        service: KNOWN,
    }
    .encode();
    for hello in [later, Bytes::from_static(b"GET / HTTP/1.1"), Bytes::new()] {
        let mut stream = ok("open", within("a stream is opened", caller.open(peer)).await?)?;
        ok(
            "send",
            within("the hello is sent", stream.send.send(&[hello])).await?,
        )?;
        same(
            "the answer",
            &recv(&mut stream.recv).await?,
            &Err(StreamError::Reset(ResetCode::Refused)),
        )?;
    }
    ok(
        "a call after it",
        within("a call ends", ask(&ends, KNOWN, b"who")).await?,
    )
    .map(drop)
}
