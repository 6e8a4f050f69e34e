//! What this process has used.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::time::{ClockId, clock_gettime};

const GIB: f64 = (1_u64 << 30) as f64;
const MIB: f64 = (1_u64 << 20) as f64;

/// A span of work: how long it took, and how much of the processors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) wall: Duration,
    /// Of all threads of this process.
    pub(crate) cpu: Duration,
}

impl Span {
    /// What `work` takes, by the clock and of the processors; with what it answers.
    pub(crate) fn measure<T>(work: impl FnOnce() -> T) -> (T, Self) {
        let (cpu, started) = (cpu(), Instant::now());
        let answer = work();
        let wall = started.elapsed();
        let span = Self {
            wall,
            cpu: self::cpu().saturating_sub(cpu),
        };
        (answer, span)
    }

    /// The rate in MiB/s at which `bytes` were carried.
    pub(crate) fn mib_per_second(&self, bytes: u64) -> f64 {
        bytes as f64 / MIB / self.wall.as_secs_f64()
    }

    /// Processor seconds per GiB carried.
    pub(crate) fn cpu_per_gib(&self, bytes: u64) -> f64 {
        self.cpu.as_secs_f64() * GIB / bytes as f64
    }
}

/// What `work` takes of this thread's processor, with what it answers: of work that waits for nothing and for no other
/// thread, that is its time, and nobody else's who wanted the processor meanwhile.
pub(crate) fn alone<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = thread_cpu();
    let answer = work();
    (answer, thread_cpu().saturating_sub(before))
}

/// Processor time of this process so far, of all its threads.
pub(crate) fn cpu() -> Duration {
    spent(ClockId::ProcessCPUTime)
}

/// Processor time of this thread so far.
pub(crate) fn thread_cpu() -> Duration {
    spent(ClockId::ThreadCPUTime)
}

fn spent(clock: ClockId) -> Duration {
    let spent = clock_gettime(clock);
    Duration::new(
        u64::try_from(spent.tv_sec).unwrap_or_default(),
        u32::try_from(spent.tv_nsec).unwrap_or_default(),
    )
}

/// Forgets how much memory this process held at most; the peak is what it holds now.
///
/// # Errors
///
/// The system has no such file: it is Linux's.
pub(crate) fn forget_memory_peak() -> Result<()> {
    fs::write("/proc/self/clear_refs", "5").context("forgetting the peak of memory")
}

/// The most memory that was resident since [`forget_memory_peak`], in bytes.
///
/// # Errors
///
/// The system has no such file: it is Linux's.
pub(crate) fn memory_peak_bytes() -> Result<u64> {
    status("VmHWM:")
}

/// The memory that is resident now, in bytes.
///
/// # Errors
///
/// The system has no such file: it is Linux's.
pub(crate) fn memory_bytes() -> Result<u64> {
    status("VmRSS:")
}

fn status(field: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").context("what this process holds")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.split_whitespace().next());
    let kib: u64 = kib
        .with_context(|| format!("no {field} in the process's status"))?
        .parse()?;
    Ok(kib * 1024)
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn the_peak_of_memory_stays_when_the_memory_goes() {
        forget_memory_peak().unwrap();
        let before = memory_peak_bytes().unwrap();
        drop(black_box(vec![1_u8; 64 << 20]));
        assert!(memory_peak_bytes().unwrap() >= before + (60 << 20));
    }

    #[test]
    fn work_takes_of_the_processors() {
        let (sum, span) = Span::measure(|| (0..50_000_000_u64).map(black_box).sum::<u64>());
        assert!(black_box(sum) > 0);
        assert!(span.cpu > Duration::ZERO && span.wall > Duration::ZERO);
    }
}
