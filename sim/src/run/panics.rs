//! A panic anywhere in a run's thread is a violation, also in a task that nobody waits for.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// The first panic of the run in this thread; none while no run is watched.
    static FIRST: RefCell<Option<Option<String>>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// Watches the panics of this thread, from its begin to its end.
#[derive(Debug)]
pub(super) struct Watch;

impl Watch {
    pub(super) fn begin() -> Self {
        HOOK.call_once(|| {
            let before = take_hook();
            set_hook(Box::new(move |info| {
                if !keep(info) {
                    before(info);
                }
            }));
        });
        FIRST.with_borrow_mut(|first| *first = Some(None));
        Self
    }

    /// The first panic since the begin.
    pub(super) fn end(self) -> Option<String> {
        FIRST.with_borrow_mut(|first| first.take().flatten())
    }
}

/// Keeps what a panic says, if this thread is watched.
fn keep(info: &PanicHookInfo<'_>) -> bool {
    FIRST.with_borrow_mut(|first| {
        let Some(first) = first else { return false };
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let text = message(info.payload());
        first.get_or_insert_with(|| format!("{text}, at {place}"));
        true
    })
}

/// Runs it; a panic of its own is an error.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| message(&*payload))
}

fn message(payload: &dyn Any) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without words".to_owned())
}
