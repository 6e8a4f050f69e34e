//! Scripted runs: what random faults rarely hit, by hand.
//!
//! A script drives a cluster in which nothing goes wrong but what the script does, and ends in the same invariants as a
//! run from a seed.

mod attach_merges;
mod attach_without_its_caller;
mod broken_stream;
mod calls;
mod dead_writer;
mod ending;
mod ex_replicas;
mod excluded_bystander;
mod fence_after_restart;
mod forgotten_sessions;
mod late_receiver;
mod late_write_after_purge;
mod late_write_to_new_participant;
mod leaving_only;
mod mixed_epochs;
mod moves;
mod one_timestamp;
mod own_position;
mod rebuild_from_enough;
mod replaced_coordinator;
mod requests;
mod restart_at_older_metadata;
mod scene;
mod silent_peer;
mod skipped_close;
mod slow_tablet;
mod stale_calls;
mod stale_writer;
mod stray_answer;
mod wake_on_close;

use std::io;
use std::pin::Pin;

use self::scene::{Outcome, Scene, Set};
use crate::recorder::{Recorder, RecorderOptions};
use crate::report::RunReport;
use crate::run::in_virtual_time;

/// What is done with a scene; an error says what did not come true.
type Play = for<'a> fn(&'a Scene) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// A scripted run.
#[derive(Debug)]
pub struct Script {
    /// Its name, and that of the property that it holds beside the invariants.
    pub name: &'static str,
    /// What happens in it, and what must come of that.
    pub about: &'static str,
    set: Set,
    play: Play,
}

/// Every script, by name.
#[must_use]
pub fn all() -> &'static [Script] {
    const ALL: &[Script] = &[
        attach_merges::SCRIPT,
        attach_without_its_caller::SCRIPT,
        broken_stream::SCRIPT,
        dead_writer::SCRIPT,
        ex_replicas::SCRIPT,
        excluded_bystander::SCRIPT,
        fence_after_restart::SCRIPT,
        forgotten_sessions::SCRIPT,
        late_receiver::SCRIPT,
        late_write_after_purge::SCRIPT,
        late_write_to_new_participant::SCRIPT,
        leaving_only::SCRIPT,
        mixed_epochs::SCRIPT,
        one_timestamp::SCRIPT,
        own_position::SCRIPT,
        rebuild_from_enough::SCRIPT,
        replaced_coordinator::SCRIPT,
        restart_at_older_metadata::SCRIPT,
        silent_peer::SCRIPT,
        skipped_close::SCRIPT,
        slow_tablet::SCRIPT,
        stale_calls::SCRIPT,
        stale_writer::SCRIPT,
        stray_answer::SCRIPT,
        wake_on_close::SCRIPT,
    ];
    ALL
}

impl Script {
    /// Plays it in virtual time, in this thread.
    ///
    /// # Errors
    ///
    /// When the thread gets no runtime.
    pub fn run(&self, trace: bool) -> io::Result<RunReport> {
        let options = RecorderOptions { seed: 0, trace };
        in_virtual_time(options, self.name, |recorder| self.live(recorder))
    }

    async fn live(&self, recorder: Recorder) -> (RunReport, Outcome) {
        let outcome = self.play_out(recorder.clone()).await;
        (recorder.finish(), outcome)
    }

    async fn play_out(&self, recorder: Recorder) -> Outcome {
        let scene = Scene::set(self.set, recorder).await?;
        scene.coordinate()?;
        let played = (self.play)(&scene).await;
        let ended = scene.end().await;
        played.and(ended)
    }
}
