//! I4: a tablet has at most one transition, and goes from stage to stage as the table says: along an edge, one at a
//! time, each with its session, and never with both selectors in one step.

use std::collections::BTreeSet;

use tidegate_tablets::{Epoch, Metadata, Selector, Stage, Tablet, TabletId, Transition, TransitionKind};

use super::stage_table::{first, keeps_session, row};
use super::{Invariant, Now};
use crate::event::Event;

#[derive(Debug, Default)]
pub(super) struct Stages {
    known: BTreeSet<TabletId>,
}

impl Invariant for Stages {
    fn name(&self) -> &'static str {
        "I4-stages"
    }

    fn observe(&mut self, now: &Now<'_>, event: &Event) -> Result<(), String> {
        let Event::Decided {
            metadata, touched, ..
        } = event
        else {
            return Ok(());
        };
        touched.iter().try_for_each(|id| {
            let before = now.facts.previous.tablets.get(id);
            let after = metadata.tablets.get(id);
            self.step(*id, metadata, before, after)
                .map_err(|text| format!("t{id} at version {}: {text}", metadata.version))
        })
    }
}

impl Stages {
    fn step(
        &mut self,
        id: TabletId,
        metadata: &Metadata,
        before: Option<&Tablet>,
        after: Option<&Tablet>,
    ) -> Result<(), String> {
        match (before, after) {
            (None, None) => Ok(()),
            (None, Some(made)) => {
                ensure(self.known.insert(id), "the number of a tablet comes twice")?;
                ensure(made.transition.is_none(), "made in transition")
            }
            (Some(gone), None) => ensure(
                !metadata.tables.contains_key(&gone.table),
                "gone, and its table is not",
            ),
            (Some(before), Some(after)) if before == after => Ok(()),
            (Some(before), Some(after)) => {
                ensure(
                    before.epoch.next() == after.epoch,
                    "changed by a step that is not one epoch",
                )?;
                let kept = before.table == after.table && before.range == after.range;
                ensure(kept, "another table or range")?;
                ensure(
                    before.purge_floor <= after.purge_floor,
                    "the purge floor goes back",
                )?;
                transition(before, after)
            }
        }
    }
}

fn transition(before: &Tablet, after: &Tablet) -> Result<(), String> {
    match (&before.transition, &after.transition) {
        (None, None) => Err("an epoch without a change".to_owned()),
        (None, Some(begun)) => begins(before, after, begun),
        (Some(ended), None) => ends(before, after, ended),
        (Some(from), Some(to)) => {
            ensure(
                before.replicas == after.replicas,
                "replicas change in a transition",
            )?;
            let same = from.begun == to.begun && from.kind == to.kind;
            ensure(
                same && from.old == to.old && from.new == to.new,
                "another transition",
            )?;
            if from.stage == to.stage {
                let word = !from.fewer_sources && to.fewer_sources;
                return ensure(word && from.session == to.session, "an epoch inside a stage");
            }
            edge(from, to, after.epoch)?;
            selectors(after, to)
        }
    }
}

fn begins(before: &Tablet, after: &Tablet, begun: &Transition) -> Result<(), String> {
    let stage = first(begun.kind);
    ensure(
        begun.stage == stage,
        "a transition begins in the middle of the table",
    )?;
    let old = begun.old == before.replicas && after.replicas == before.replicas;
    ensure(
        old && begun.begun == after.epoch,
        "the old set is not what the replicas were",
    )?;
    let sets = match begun.kind {
        TransitionKind::Purge => begun.new == begun.old,
        _ => begun.new.len() == begun.old.len() && begun.new.difference(&begun.old).count() == 1,
    };
    ensure(sets, "the new set does not replace one replica")?;
    session(None, begun, after.epoch)?;
    selectors(after, begun)
}

fn ends(before: &Tablet, after: &Tablet, ended: &Transition) -> Result<(), String> {
    ensure(
        row(ended.stage).next.is_none(),
        &format!("the transition ends in {}", ended.stage),
    )?;
    let replicas = match ended.stage {
        Stage::EndMigration => &ended.new,
        _ => &before.replicas,
    };
    ensure(
        after.replicas == *replicas,
        "the replicas are not those of the transition",
    )
}

fn edge(from: &Transition, to: &Transition, epoch: Epoch) -> Result<(), String> {
    let was = row(from.stage);
    let (here, there) = (from.stage, to.stage);
    let known = was.next == Some(there) || was.back == Some(there);
    ensure(known, &format!("no edge leads from {here} to {there}"))?;
    session(Some(from), to, epoch)?;
    let both = here.writes() != there.writes() && here.reads() != there.reads();
    ensure(
        !both,
        &format!("both selectors change between {here} and {there}"),
    )
}

/// What is in force is what the table says: where requests go, and not only what the stage is called.
fn selectors(tablet: &Tablet, transition: &Transition) -> Result<(), String> {
    let stage = transition.stage;
    let row = row(stage);
    ensure(
        stage.writes() == row.writes && stage.reads() == row.reads,
        &format!(
            "{stage} writes {:?} and reads {:?}, not {:?} and {:?}",
            stage.writes(),
            stage.reads(),
            row.writes,
            row.reads
        ),
    )?;
    let sets = |selector: Selector| {
        let old = (selector != Selector::New).then_some(&transition.old);
        let new = (selector != Selector::Old).then_some(&transition.new);
        old.into_iter().chain(new).collect::<BTreeSet<_>>()
    };
    let (writes, reads) = (tablet.write_sets().into_iter().collect(), tablet.read_set());
    ensure(
        sets(row.writes) == writes && sets(row.reads) == BTreeSet::from([reads]),
        &format!("in {stage} writes go to {writes:?} and reads to {reads:?}"),
    )
}

/// An edge writes a session of its own epoch, keeps the one there is, or clears it.
fn session(from: Option<&Transition>, to: &Transition, epoch: Epoch) -> Result<(), String> {
    let fits = match (from, to.session) {
        (Some(from), session) if keeps_session(from.stage, to.stage) => session == from.session,
        (_, Some((_, written))) => row(to.stage).session && written == epoch,
        (_, None) => !row(to.stage).session,
    };
    ensure(
        fits,
        &format!("{} is entered with session {:?}", to.stage, to.session),
    )
}

fn ensure(holds: bool, text: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(text.to_owned()) }
}

#[cfg(test)]
mod tests;
