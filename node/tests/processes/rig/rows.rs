//! Rows that are written while all that goes on, and must be there in the end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Cluster, DEADLINE, Http, TABLE, until};

/// A request to a node that was killed should not hold up the writer.
const WRITE_DEADLINE: Duration = Duration::from_secs(12);
const WRITERS: u64 = 2;
/// Of so many rows one is deleted again.
const DELETED: u64 = 10;

/// What was acknowledged last of a key: its value, or that it is gone.
type Acknowledged = BTreeMap<String, Option<String>>;

/// Puts numbered rows through all nodes, round and round, and remembers what was acknowledged.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    acknowledged: Mutex<Acknowledged>,
    count: AtomicU64,
    failed: AtomicU64,
    stop: AtomicBool,
}

impl Writer {
    /// `name` makes its keys differ from those of other writers.
    pub(crate) fn start(cluster: &Cluster, name: &str) -> Self {
        let shared = Arc::new(Shared::default());
        let threads = (0..WRITERS).map(|thread| {
            let nodes: Vec<Http> = cluster
                .running()
                .map(|member| member.http_within(WRITE_DEADLINE))
                .collect();
            let (shared, name) = (Arc::clone(&shared), format!("{name}-{thread}"));
            std::thread::spawn(move || shared.write(&nodes, &name))
        });
        let writer = Self {
            threads: threads.collect(),
            shared,
        };
        writer.until_more(10);
        writer
    }

    fn count(&self) -> u64 {
        self.shared.count.load(Ordering::SeqCst)
    }

    /// Waits until so many further rows were acknowledged: writes go on.
    pub(crate) fn until_more(&self, rows: u64) {
        let wanted = self.count() + rows;
        until("rows to be acknowledged", DEADLINE, || {
            (self.count() >= wanted).then_some(())
        });
    }

    /// Stops, and has every node that runs give what was acknowledged.
    pub(crate) fn check(mut self, cluster: &Cluster) {
        self.end();
        let acknowledged = std::mem::take(&mut *self.shared.lock());
        assert!(acknowledged.len() >= 10, "{} rows", acknowledged.len());
        for member in cluster.running() {
            let rows = until("a scan", DEADLINE, || scan(&member.http()));
            for (key, value) in &acknowledged {
                assert_eq!(
                    rows.get(key),
                    value.as_ref(),
                    "{key} through node {}",
                    member.number
                );
            }
        }
    }

    fn end(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            // What it says of itself is seen when it is waited for the first time.
            if thread.join().is_err() && !std::thread::panicking() {
                panic!("the writer has failed");
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Acknowledged> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, nodes: &[Http], name: &str) {
        for number in 0.. {
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            let key = format!("{name}-{number}");
            let (path, value) = (format!("/v1/tables/{TABLE}/rows/{key}"), "v".repeat(100) + &key);
            let node = &nodes[(number as usize) % nodes.len()];
            let body = ("application/octet-stream", value.clone().into_bytes());
            if !self.is_acknowledged(node.send("PUT", &path, Some(body))) {
                continue;
            }
            self.lock().insert(key.clone(), Some(value));
            self.count.fetch_add(1, Ordering::SeqCst);
            if number % DELETED == 0 {
                // Until it is known to be gone, nothing is known of it.
                self.lock().remove(&key);
                if self.is_acknowledged(node.send("DELETE", &path, None)) {
                    self.lock().insert(key, None);
                }
            }
        }
    }

    fn is_acknowledged(&self, answer: Result<super::Answer, String>) -> bool {
        let is_good = answer.is_ok_and(|answer| answer.is_good());
        if !is_good {
            self.failed.fetch_add(1, Ordering::SeqCst);
            // The node may be down: no need to hurry.
            std::thread::sleep(Duration::from_millis(20));
        }
        is_good
    }
}

/// All rows, page by page; none where the node fails to give one.
fn scan(node: &Http) -> Option<BTreeMap<String, String>> {
    let mut rows = BTreeMap::new();
    let mut after = String::new();
    loop {
        let answer = node
            .get(&format!("/v1/tables/{TABLE}/rows?limit=1000{after}"))
            .ok()?;
        if !answer.is_good() {
            return None;
        }
        for row in answer.json["rows"].as_array()? {
            let text = |field: &str| {
                let bytes = STANDARD.decode(row[field].as_str()?).ok()?;
                String::from_utf8(bytes).ok()
            };
            rows.insert(text("key")?, text("value")?);
        }
        match answer.json["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Some(rows),
        }
    }
}
