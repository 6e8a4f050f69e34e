//! Events as lines for people.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use tidegate_guard::SessionId;
use tidegate_tablets::{Epoch, Metadata, TabletId};

use crate::event::{ClientAnswer, ClientOp, Event};

pub(super) fn line(at: Duration, event: &Event) -> String {
    let mut line = format!("{:>11.6} ", at.as_secs_f64());
    // Writing into a string does not fail.
    let _ = match event {
        Event::Decided {
            metadata,
            outcomes,
            touched,
        } => {
            let refused = outcomes.iter().filter(|outcome| outcome.is_err()).count();
            let _ = write!(line, "decided v{}", metadata.version);
            if refused > 0 {
                let _ = write!(line, " ({refused} of {} refused)", outcomes.len());
            }
            touched.iter().try_for_each(|id| tablet(&mut line, metadata, *id))
        }
        Event::Applied {
            node,
            version,
            snapshot,
        } => {
            let how = if *snapshot { " by a snapshot" } else { "" };
            write!(line, "n{node} applied v{version}{how}")
        }
        Event::Started {
            node,
            incarnation,
            version,
        } => {
            write!(
                line,
                "n{node} started, incarnation {incarnation}, metadata from v{version}"
            )
        }
        Event::Crashed { node } => write!(line, "n{node} CRASHED"),
        Event::Stopping { node } => write!(line, "n{node} stops"),
        Event::CoordinatorStarted { node } => write!(line, "n{node} coordinator started"),
        Event::CoordinatorStopped { node } => write!(line, "n{node} coordinator stopped"),
        Event::Session {
            node, session, state, ..
        } => {
            write!(line, "n{node} session {} {state:?}", name(*session))
        }
        Event::Thawed { node, asked, given } => match given {
            Some(given) => write!(line, "n{node} thawed {}: guard of {}", name(*asked), name(*given)),
            None => write!(line, "n{node} thaws {}: refused", name(*asked)),
        },
        Event::EffectBegun {
            call,
            node,
            tablet,
            kind,
            session,
        } => {
            let under = session.map_or_else(|| "no session".to_owned(), name);
            write!(line, "n{node} {kind:?} #{call} of t{tablet} begins under {under}")
        }
        Event::EffectEnded { call, done } => {
            write!(
                line,
                "   #{call} ended, {}",
                if *done { "done" } else { "not done" }
            )
        }
        other => answer(&mut line, other),
    };
    line
}

/// What coordinators ask, and what they are answered.
fn answer(line: &mut String, event: &Event) -> std::fmt::Result {
    match event {
        Event::BarrierAsked {
            node,
            tablet,
            epoch,
            min_version,
        } => {
            write!(
                line,
                "n{node} is asked for a barrier of t{tablet} e{epoch} at v{min_version}"
            )
        }
        Event::BarrierAnswered {
            node,
            tablet,
            epoch,
            result,
        } => {
            write!(
                line,
                "n{node} answers barrier of t{tablet} e{epoch}: {}",
                said(result)
            )
        }
        Event::OperationAnswered {
            node,
            kind,
            session,
            result,
            ..
        } => {
            write!(
                line,
                "n{node} answers {kind} under {}: {}",
                name(*session),
                said(result)
            )
        }
        other => outer(line, other),
    }
}

pub(super) fn violation(at: Duration, invariant: &str, text: &str) -> String {
    format!("{:>11.6} VIOLATION of {invariant}: {text}", at.as_secs_f64())
}

/// A session by what it was made from: its tablet and epoch.
pub(crate) fn name(session: SessionId) -> String {
    let epoch = session.as_u128() as u64 & Epoch::MAX.as_u64();
    format!("t{}@e{epoch}", TabletId::of_session(session))
}

fn outer(line: &mut String, event: &Event) -> std::fmt::Result {
    match event {
        Event::Invoked {
            op,
            client,
            node,
            table,
            key,
            what,
        } => {
            let _ = write!(line, "client {client} op {op} at n{node}, table {table}: ");
            let key = text(key);
            match what {
                ClientOp::Get => write!(line, "get {key}"),
                ClientOp::Put(value) => write!(line, "put {key} = {}", text(value)),
                ClientOp::Delete => write!(line, "delete {key}"),
            }
        }
        Event::Returned { op, answer } => match answer {
            ClientAnswer::Value(Some(value)) => write!(line, "op {op} returns {}", text(value)),
            ClientAnswer::Value(None) => write!(line, "op {op} returns nothing"),
            ClientAnswer::Done => write!(line, "op {op} is done"),
            ClientAnswer::Failed => write!(line, "op {op} failed"),
            ClientAnswer::Unknown => write!(line, "op {op} has an unknown outcome"),
        },
        Event::Fault { kind, nodes, hits } => {
            let _ = write!(line, "FAULT {kind:?}");
            for node in nodes {
                let _ = write!(line, " n{node}");
            }
            hits.iter()
                .try_for_each(|(tablet, stage, role)| write!(line, ", t{tablet} in {stage} at {role:?}"))
        }
        Event::Healed => line.write_str("HEALED"),
        Event::Note(note) => line.write_str(note),
        _ => Ok(()),
    }
}

fn tablet(line: &mut String, metadata: &Metadata, id: TabletId) -> std::fmt::Result {
    let Some(tablet) = metadata.tablets.get(&id) else {
        return write!(line, "; t{id} gone");
    };
    let nodes = |set: &std::collections::BTreeSet<_>| {
        set.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    };
    write!(
        line,
        "; t{id} e{} on {{{}}}",
        tablet.epoch,
        nodes(&tablet.replicas)
    )?;
    let Some(transition) = &tablet.transition else {
        return Ok(());
    };
    let (kind, stage) = (transition.kind, transition.stage);
    write!(line, " {kind} to {{{}}} in {stage}", nodes(&transition.new))?;
    match transition.session {
        Some((session, _)) => write!(line, " session {}", name(session)),
        None => Ok(()),
    }
}

fn said(result: &Result<(), String>) -> &str {
    match result {
        Ok(()) => "done",
        Err(error) => error,
    }
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
