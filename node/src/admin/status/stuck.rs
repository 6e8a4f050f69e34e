//! Transitions that do not come forward, and who holds them.

use tidegate_tablets::TabletId;

use super::findings::{Seen, finding};
use crate::api::{Finding, Severity, WaitingFor};
use crate::reports::{TransitionReport, cut};

/// How long a stage may take, with tries that failed, until somebody should know.
const SLOW_MS: u64 = 30_000;

/// How long a stream may move nothing.
const STALLED_MS: u64 = 20_000;

pub(super) fn findings(seen: &Seen<'_>) -> Vec<Finding> {
    let Some(leader) = seen.raft.leader else {
        return Vec::new();
    };
    let told = seen.reports.get(&leader).and_then(|report| report.leads.as_ref());
    let Some(told) = told else {
        let running = seen
            .metadata
            .tablets
            .values()
            .any(|tablet| tablet.transition.is_some());
        let what = format!("node {leader} leads, and does not tell how the moves stand");
        let remedy = "ask again in a moment; if this stays, look at that node's log";
        return running
            .then(|| finding(Severity::Warning, what, remedy))
            .into_iter()
            .collect();
    };
    told.transitions
        .iter()
        .filter_map(|told| one(seen, told))
        .collect()
}

fn one(seen: &Seen<'_>, told: &TransitionReport) -> Option<Finding> {
    let (tablet, stage) = (told.tablet, told.stage);
    let sources = told.waiting_for.iter().find_map(|waits| match waits {
        WaitingFor::Sources { live, needed } => Some((live, needed)),
        _ => None,
    });
    if let Some((live, needed)) = sources {
        let what = format!(
            "the rebuild of tablet {tablet} waits: {live} of the {needed} replicas are alive that are sure to hold every \
             acknowledged write"
        );
        let remedy = format!(
            "bring one of them back; only if they are gone for ever, give up what they alone held: `tidegate \
             allow-fewer-sources {tablet}`"
        );
        return Some(finding(Severity::Critical, what, remedy));
    }
    let ms = (seen.stage_ms)(TabletId::new(tablet), told.begun).unwrap_or(0);
    let idle = idle_stream(seen, tablet);
    if !told.gave_up && (ms < SLOW_MS || told.attempts == 0) && idle.is_none() {
        return None;
    }
    let waits: Vec<String> = told.waiting_for.iter().map(ToString::to_string).collect();
    let waits = if waits.is_empty() {
        "nothing known".to_owned()
    } else {
        cut(&waits.join(", "))
    };
    let why = match (&told.last_error, idle) {
        (Some(error), _) => format!("; last: {error}"),
        (None, Some(idle)) => format!("; its stream has moved nothing for {} s", idle / 1000),
        (None, None) => String::new(),
    };
    let what = format!(
        "tablet {tablet} is in {stage} for {} s, after {} tries that failed, and waits for {waits}{why}",
        ms / 1000,
        told.attempts
    );
    let down = told.waiting_for.iter().find_map(|waits| match waits {
        WaitingFor::Barrier { node } | WaitingFor::Operation { node, .. } => seen
            .nodes
            .iter()
            .find(|known| known.id == *node && !known.reachable)
            .map(|known| known.id),
        _ => None,
    });
    let remedy = match down {
        Some(node) => format!("start node {node}, or, if it is gone for ever, `tidegate exclude {node}`"),
        None => format!(
            "`tidegate barriers` and `tidegate sessions` name who holds it, `tidegate journal {tablet}` what was tried; up \
             to streaming `tidegate cancel {tablet}` takes it back"
        ),
    };
    Some(finding(Severity::Warning, what, remedy))
}

/// For how long the streams of a tablet, which are not done, have moved nothing.
fn idle_stream(seen: &Seen<'_>, tablet: u64) -> Option<u64> {
    let known = seen.metadata.tablets.get(&TabletId::new(tablet))?;
    let transition = known.transition.as_ref()?;
    let (session, _) = transition.session?;
    let report = seen.reports.get(&transition.pending()?)?;
    let mut transfers = report.transfers.iter();
    let transfer = transfers.find(|it| it.tablet == tablet && it.session == session.to_string())?;
    let progress = transfer.progress;
    (!progress.attached && progress.streams > 0 && progress.idle_ms >= STALLED_MS).then_some(progress.idle_ms)
}
