//! Many runs, each in one thread.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{RunOptions, run};
use crate::report::RunReport;

/// Which seeds to run.
#[derive(Debug, Clone, Copy)]
pub struct Seeds {
    /// The first.
    pub from: u64,
    /// How many, at most.
    pub count: u64,
    /// How many at once.
    pub jobs: usize,
    /// How long seeds are begun.
    pub time_max: Option<Duration>,
}

/// Runs seeds, as many at once as `seeds` says, and hands each report on; until `take` says that it is enough.
///
/// # Errors
///
/// When a thread gets no runtime.
pub fn run_many<F>(seeds: Seeds, options: &RunOptions, take: F) -> io::Result<()>
where
    F: FnMut(RunReport) -> bool + Send,
{
    let begun = Instant::now();
    let next = AtomicU64::new(0);
    let enough = AtomicBool::new(false);
    let taker = Mutex::new((take, None));
    let work = || {
        while !enough.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let late = seeds.time_max.is_some_and(|max| begun.elapsed() > max);
            if number >= seeds.count || late {
                return;
            }
            let report = run(seeds.from.wrapping_add(number), options);
            let mut taker = taker.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let go_on = match report {
                Ok(report) => (taker.0)(report),
                Err(error) => {
                    taker.1 = Some(error);
                    false
                }
            };
            drop(taker);
            if !go_on {
                enough.store(true, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..seeds.jobs.max(1) {
            scope.spawn(work);
        }
    });
    let (_, error) = taker
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    error.map_or(Ok(()), Err)
}
