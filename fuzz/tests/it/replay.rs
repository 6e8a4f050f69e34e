//! Every file of the corpus whole, cut, and with bits flipped.

use std::collections::BTreeSet;
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tidegate_fuzz::{TARGETS, Target, seeds, target};

/// Cuts and flips of each file, spread over it.
const CHANGES_MAX: usize = 48;
/// No input takes that long, unless something spins.
const INPUT_MAX: Duration = Duration::from_secs(10);
const CORPUS_BYTES_MAX: u64 = 300_000;

/// A panic in a task is caught by its runtime; it counts nevertheless.
static PANICS: AtomicUsize = AtomicUsize::new(0);
static TURN: Mutex<()> = Mutex::new(());

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn feed(target: &Target, file: &Path, how: &str, input: &[u8]) {
    let before = PANICS.load(Ordering::SeqCst);
    let begun = Instant::now();
    target.feed(input);
    let panics = PANICS.load(Ordering::SeqCst) - before;
    assert_eq!(panics, 0, "a task panicked: {}, {how}", file.display());
    assert!(
        begun.elapsed() < INPUT_MAX,
        "it takes for ever: {}, {how}",
        file.display()
    );
}

/// Feeds a target all of its corpus.
fn replay(name: &str) {
    let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        hook(info);
    }));
    let target = target(name).unwrap();
    let files = files(&corpus().join(name));
    assert!(!files.is_empty(), "no corpus of {name}");
    for file in files {
        let input = fs::read(&file).unwrap();
        feed(target, &file, "whole", &input);
        for change in 0..CHANGES_MAX.min(input.len()) {
            let at = change * input.len() / CHANGES_MAX.min(input.len());
            feed(target, &file, &format!("cut at {at}"), &input[..at]);
            let mut flipped = input.clone();
            flipped[at] ^= 1 << (change % 8);
            feed(
                target,
                &file,
                &format!("bit {} of byte {at} flipped", change % 8),
                &flipped,
            );
        }
    }
    drop(panic::take_hook());
    drop(turn);
}

macro_rules! replayed {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name));
        })*

        #[test]
        fn every_target_is_replayed() {
            let replayed = BTreeSet::from([$(stringify!($name)),*]);
            let targets: BTreeSet<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(replayed, targets);
        }
    };
}

replayed! {
    hello quic_hello quic_frames tcp_hello tcp_streams certificate control raft_messages raft_records stream_frames stream_sealed kv_messages
    rows stored_value records source sink puller router node control_client kv_client kv_fill
}

#[test]
fn the_corpus_is_small_and_belongs_to_targets() {
    let mut bytes = 0;
    for folder in files(&corpus()) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        assert!(target(name).is_some(), "{name} is no target");
        bytes += files(&folder)
            .iter()
            .map(|file| fs::metadata(file).unwrap().len())
            .sum::<u64>();
    }
    assert!(bytes <= CORPUS_BYTES_MAX, "{bytes} bytes");
}

/// The bytes on the wire have changed, or the scripts: write the seeds anew.
#[test]
fn the_seeds_are_in_the_corpus() {
    for target in TARGETS.iter().filter(|target| target.name != "certificate") {
        for (index, seed) in seeds::of(target.name).iter().enumerate() {
            let file = corpus().join(target.name).join(format!("seed-{index:02}"));
            assert_eq!(&fs::read(&file).unwrap(), seed, "{}", file.display());
        }
    }
}
