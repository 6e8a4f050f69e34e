//! In and out of one gate, borrowed and owned, against `TaskTracker::token` and its drop, which counts like an owned
//! entry. One thread, and two threads at the same object.
//!
//! With two, what is measured is the fight for one cache line, and there is none while one of them waits for a
//! processor: a span counts only if both were on one all the while.

use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use tidegate_guard::Gate;
use tokio_util::task::TaskTracker;

use crate::bound::{Bound, Limit};
use crate::case::{Better, Case, Effort, Sample};
use crate::process::thread_cpu;

/// Passes between two looks at whether the span is over.
const CHUNK: u32 = 64;
const SPAN: Duration = Duration::from_millis(1);
/// How many spans may be tried for one sample.
const TRIES: usize = 4_000;
/// Objects of each kind, a span each: where in a cache line one begins is the allocator's choice, and counts.
const OBJECTS: usize = 16;

pub(super) fn alone(effort: Effort) -> Result<Case> {
    Ok(ways::<1>(effort.pick(31, 51))
        .bound(Bound::ratio("borrowed", "TaskTracker", Limit::AtMost(1.0)))
        .bound(Bound::ratio("owned", "TaskTracker", Limit::AtMost(1.0))))
}

pub(super) fn two(effort: Effort) -> Result<Case> {
    Ok(ways::<2>(effort.pick(31, 51))
        .bound(Bound::ratio("borrowed", "TaskTracker", Limit::AtMost(0.3)))
        .bound(Bound::ratio("owned", "TaskTracker", Limit::AtMost(1.1))))
}

fn ways<const THREADS: usize>(rounds: usize) -> Case {
    let trackers: Vec<_> = (0..OBJECTS).map(|_object| TaskTracker::new()).collect();
    let gates = || -> Vec<_> { (0..OBJECTS).map(|_object| Arc::new(Gate::new())).collect() };
    let (borrowed, owned) = (gates(), gates());
    Case::new("ns", Better::Less, rounds)
        .against("TaskTracker")
        .way("TaskTracker", move || {
            sample::<THREADS, _>(&trackers, |tracker| drop(black_box(black_box(tracker).token())))
        })
        .way("borrowed", move || {
            sample::<THREADS, _>(&borrowed, |gate| drop(black_box(black_box(&**gate).enter())))
        })
        .way("owned", move || {
            sample::<THREADS, _>(&owned, |gate| drop(black_box(black_box(gate).enter_owned())))
        })
}

/// Nanoseconds of a thread for one pass through, while all of them are at it: over every object, one after the other.
fn sample<const THREADS: usize, T: Sync>(objects: &[T], pass: impl Fn(&T) + Sync) -> Result<Sample> {
    let (mut nanoseconds, mut counted) = (0.0, 0);
    for _try in 0..TRIES {
        let Some(object) = objects.get(counted) else {
            return Ok(Sample::of(nanoseconds / objects.len() as f64));
        };
        if let Some(each) = span::<THREADS>(&|| pass(object))? {
            nanoseconds += each;
            counted += 1;
        }
    }
    Err(anyhow!("the threads were never on their processors all at once"))
}

/// What one thread did in a span.
struct Ran {
    passes_per_second: f64,
    /// It had a processor, from the span's begin to its end.
    all_the_while: bool,
}

/// One span, if all threads had a processor all the while.
fn span<const THREADS: usize>(pass: &(impl Fn() + Sync)) -> Result<Option<f64>> {
    let (ready, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let worker = || {
        ready.fetch_add(1, Ordering::AcqRel);
        while ready.load(Ordering::Acquire) < THREADS {
            spin_loop();
        }
        let (cpu, started) = (thread_cpu(), Instant::now());
        let mut passes = 0;
        // Who comes late finds it over, or sees the end long before its own time is up.
        while !over.load(Ordering::Relaxed) {
            (0..CHUNK).for_each(|_pass| pass());
            passes += CHUNK;
            if started.elapsed() >= SPAN {
                over.store(true, Ordering::Relaxed);
            }
        }
        let wall = started.elapsed();
        let ran = (thread_cpu() - cpu).as_secs_f64() / wall.as_secs_f64();
        Ran {
            passes_per_second: f64::from(passes) / wall.as_secs_f64(),
            all_the_while: ran > 0.97 && wall > SPAN.mul_f64(0.95),
        }
    };
    let workers = thread::scope(|scope| {
        let workers = [(); THREADS].map(|()| scope.spawn(worker));
        workers.map(thread::ScopedJoinHandle::join)
    });
    let (mut rate, mut counts) = (0.0, true);
    for worker in workers {
        let ran = worker.map_err(|_panic| anyhow!("a thread panicked"))?;
        rate += ran.passes_per_second;
        counts &= ran.all_the_while;
    }
    Ok(counts.then(|| 1e9 * THREADS as f64 / rate))
}
