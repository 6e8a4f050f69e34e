//! Progress bars, one per move.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tidegate_streaming::{ProgressEvents, StreamRole, UnitId};

use super::args::DemoArgs;

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// The bars; clones share them. Hidden if asked for, and where stderr is no terminal.
#[derive(Debug, Clone)]
pub(crate) struct Bars {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    all: MultiProgress,
    phase: ProgressBar,
    moves: Mutex<BTreeMap<UnitId, ProgressBar>>,
}

impl Bars {
    /// The bars that these arguments ask for.
    pub(crate) fn new(args: &DemoArgs) -> Self {
        // On stderr, indicatif hides them itself where it is no terminal.
        let hidden = args.quiet || args.json;
        Self::drawn_to(if hidden {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        })
    }

    fn drawn_to(target: ProgressDrawTarget) -> Self {
        let all = MultiProgress::with_draw_target(target);
        let phase = all.add(ProgressBar::new_spinner());
        if !all.is_hidden() {
            phase.enable_steady_tick(TICK);
        }
        Self {
            shared: Arc::new(Shared {
                all,
                phase,
                moves: Mutex::default(),
            }),
        }
    }

    /// Says what is being done now.
    pub(crate) fn phase(&self, what: &str) {
        self.shared.phase.set_message(what.to_owned());
    }

    /// A bar for loading `limit` bytes.
    pub(crate) fn load(&self, limit: u64) -> ProgressBar {
        self.phase("loading");
        let bar = ProgressBar::new(limit).with_style(style(
            "{wide_bar} {binary_bytes} of {binary_total_bytes} {binary_bytes_per_sec}",
        ));
        let bar = self.shared.all.add(bar);
        bar.tick();
        bar
    }

    /// A bar for a move of that unit.
    pub(crate) fn start(&self, what: &str, unit: UnitId) -> Bar {
        let bar = ProgressBar::no_length()
            .with_style(style("{spinner} {prefix:<24} {binary_bytes:>12} {wide_msg}"));
        let bar = self.shared.all.add(bar);
        bar.set_prefix(what.to_owned());
        self.moves().insert(unit, bar.clone());
        Bar {
            bars: self.clone(),
            unit,
            bar,
        }
    }

    /// Moves the bars as these tell; ends with each node's streams, or with the runtime.
    pub(crate) fn follow(&self, nodes: Vec<ProgressEvents>) {
        for mut events in nodes {
            let bars = self.clone();
            drop(tokio::spawn(async move {
                while let Some(event) = events.next().await {
                    if event.role == StreamRole::Receive {
                        bars.moved(event.unit, event.carried.bytes);
                    }
                }
            }));
        }
    }

    /// So many bytes of that unit have come. Nothing, if it is not being moved.
    pub(crate) fn moved(&self, unit: UnitId, bytes: u64) {
        if let Some(bar) = self.moves().get(&unit) {
            bar.set_position(bytes);
        }
    }

    /// Takes them all off the terminal.
    pub(crate) fn clear(&self) {
        for bar in std::mem::take(&mut *self.moves()).into_values() {
            bar.finish_and_clear();
        }
        self.shared.phase.finish_and_clear();
        // A terminal that cannot be written to has nothing to be cleared.
        let _ = self.shared.all.clear();
    }

    /// Does something else with the terminal, while the bars are out of the way.
    pub(crate) fn aside<T>(&self, act: impl FnOnce() -> T) -> T {
        self.shared.all.suspend(act)
    }

    fn moves(&self) -> MutexGuard<'_, BTreeMap<UnitId, ProgressBar>> {
        self.shared.moves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The bar of one move; gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Bar {
    bars: Bars,
    unit: UnitId,
    bar: ProgressBar,
}

impl Bar {
    /// The move has ended, and how.
    pub(crate) fn finish(self, how: &'static str) {
        self.bars.phase(&format!("{} {how}", self.bar.prefix()));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bars.moves().remove(&self.unit);
        self.bar.finish_and_clear();
        self.bars.shared.all.remove(&self.bar);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_follow_their_unit_and_go_with_their_move() {
        let bars = Bars::drawn_to(ProgressDrawTarget::hidden());
        bars.load(100).set_position(7);
        let unit = UnitId::new(7);
        let bar = bars.start("tablet 7: 1 -> 4", unit);
        bars.moved(unit, 1000);
        bars.moved(UnitId::new(8), 5);
        assert_eq!(bar.bar.position(), 1000);
        bar.finish("moved");
        assert_eq!(bars.shared.phase.message(), "tablet 7: 1 -> 4 moved");
        bars.moved(unit, 2000);
        assert!(bars.moves().is_empty());
        let _left_open = bars.start("tablet 9", UnitId::new(9));
        bars.clear();
    }

    #[test]
    fn the_templates_are_sound() {
        for template in [
            "{wide_bar} {binary_bytes} of {binary_total_bytes} {binary_bytes_per_sec}",
            "{spinner} {prefix:<24} {binary_bytes:>12} {wide_msg}",
        ] {
            ProgressStyle::with_template(template).expect("is sound");
        }
    }
}
