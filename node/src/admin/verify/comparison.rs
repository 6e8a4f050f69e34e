//! The comparison of one tablet: digests of ranges, then the keys of those that differ.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidegate_tablets::{NodeId, TabletId};
use tokio::time::{Instant, sleep};

use crate::api::{Difference, ReplicaCount, Silent, VerifiedTablet, WhatDiffers};
use crate::reports::{Ask, Key, RANGE_DEADLINE, RangeAsk, RangeDigest, Reports, RowSeen, Told};

/// Rows of a range.
const RANGE_ROWS: u32 = 4096;

/// The moment after which a difference is looked at again, and how often.
const MOMENT: Duration = Duration::from_millis(300);
const LOOKS: usize = 3;

/// Keys that are looked at in one call: of the longest ones these fit into a request.
const KEYS_AT_ONCE: usize = 64;

/// Tries of a range whose end moves because of writes.
const ENDS: usize = 8;

/// What the comparison of a tablet has come to.
#[derive(Debug)]
pub(super) struct Compared {
    pub(super) tablet: VerifiedTablet,
    pub(super) named: Vec<Difference>,
    pub(super) below_quorum: u64,
    pub(super) silent: Vec<Silent>,
}

/// Why a comparison stops before the end.
struct Stopped {
    why: String,
    silent: Vec<Silent>,
}

/// One tablet's comparison.
pub(super) struct Comparison<'a> {
    pub(super) reports: &'a Reports,
    pub(super) tablet: TabletId,
    pub(super) replicas: BTreeSet<NodeId>,
    pub(super) quorum: usize,
    pub(super) until: Instant,
    pub(super) named_max: usize,
}

/// The row of a key that each replica shows, where it shows one.
type Shown = BTreeMap<NodeId, RowSeen>;

impl Compared {
    pub(super) fn unfinished(tablet: TabletId, why: String) -> Self {
        Self {
            tablet: VerifiedTablet {
                tablet: tablet.as_u64(),
                replicas: Vec::new(),
                differences: 0,
                settled: 0,
                unfinished: Some(why),
            },
            named: Vec::new(),
            below_quorum: 0,
            silent: Vec::new(),
        }
    }
}

impl Comparison<'_> {
    pub(super) async fn run(&self) -> Compared {
        let mut compared = Compared::unfinished(self.tablet, String::new());
        compared.tablet.unfinished = None;
        compared.tablet.replicas = self.replicas.iter().map(|node| count_of(*node)).collect();
        if let Err(stopped) = self.ranges(&mut compared).await {
            compared.tablet.unfinished = Some(stopped.why);
            compared.silent = stopped.silent;
        }
        compared
    }

    async fn ranges(&self, compared: &mut Compared) -> Result<(), Stopped> {
        if self.replicas.is_empty() {
            return Err(stopped("all its replicas are excluded"));
        }
        let mut after: Option<Key> = None;
        loop {
            let (digests, end) = self.digests(&after).await?;
            for count in &mut compared.tablet.replicas {
                if let Some(digest) = digests.get(&NodeId::new(count.node)) {
                    count.rows += digest.rows;
                    count.tombstones += digest.tombstones;
                    count.bytes += digest.bytes;
                }
            }
            let mut all = digests.values().map(|it| (it.rows, it.tombstones, it.digest));
            let first = all.next();
            if !all.all(|it| Some(it) == first) {
                self.look_closer(&after, &end, compared).await?;
            }
            match end {
                Some(end) => after = Some(end),
                None => return Ok(()),
            }
        }
    }

    /// Digests of the next range, the same one of every replica, and its end.
    async fn digests(
        &self,
        after: &Option<Key>,
    ) -> Result<(BTreeMap<NodeId, RangeDigest>, Option<Key>), Stopped> {
        let mut end: Option<Key> = None;
        for _ in 0..ENDS {
            let ask = Ask::Range(self.range(after, &end));
            let mut digests = BTreeMap::new();
            for (node, told) in self.ask(&ask).await? {
                let Told::Range(digest) = told else {
                    return Err(stopped("a node answered something else"));
                };
                digests.insert(node, digest);
            }
            match common_end(&digests, &end) {
                Ok(end) => return Ok((digests, end)),
                Err(nearest) => end = Some(nearest),
            }
        }
        Err(stopped(
            "so much is written that no range stands still: try again later",
        ))
    }

    fn range(&self, after: &Option<Key>, until: &Option<Key>) -> RangeAsk {
        RangeAsk {
            tablet: self.tablet.as_u64(),
            after: after.clone(),
            until: until.clone(),
            rows_max: RANGE_ROWS,
        }
    }

    /// Asks every replica; all of them have to tell.
    async fn ask(&self, ask: &Ask) -> Result<BTreeMap<NodeId, Told>, Stopped> {
        if Instant::now() >= self.until {
            return Err(stopped("time was up: allow more seconds"));
        }
        let replicas = self.replicas.iter().copied();
        let gathered = self.reports.ask_all(replicas, ask, RANGE_DEADLINE).await;
        let Some(silent) = gathered.silent.first() else {
            return Ok(gathered.told);
        };
        Err(Stopped {
            why: format!("node {} did not tell: {}", silent.node, silent.why),
            silent: gathered.silent,
        })
    }

    /// Names the keys of a range that differ, and differ still a moment later.
    async fn look_closer(
        &self,
        after: &Option<Key>,
        end: &Option<Key>,
        compared: &mut Compared,
    ) -> Result<(), Stopped> {
        let mut rows: BTreeMap<Key, Shown> = BTreeMap::new();
        for node in &self.replicas {
            self.rows_of(*node, after, end, &mut rows).await?;
        }
        rows.retain(|_, shown| self.differs(shown));
        let keys: Vec<Key> = rows.keys().cloned().collect();
        for keys in keys.chunks(KEYS_AT_ONCE) {
            let mut shown: BTreeMap<Key, Shown> = BTreeMap::new();
            for key in keys {
                if let Some(first) = rows.remove(key) {
                    shown.insert(key.clone(), first);
                }
            }
            self.look_again(shown, compared).await?;
        }
        Ok(())
    }

    async fn rows_of(
        &self,
        node: NodeId,
        after: &Option<Key>,
        end: &Option<Key>,
        rows: &mut BTreeMap<Key, Shown>,
    ) -> Result<(), Stopped> {
        let mut after = after.clone();
        loop {
            if Instant::now() >= self.until {
                return Err(stopped("time was up: allow more seconds"));
            }
            let ask = Ask::Keys(self.range(&after, end));
            let told = self.reports.ask(node, &ask, RANGE_DEADLINE).await;
            let page = match told {
                Ok(Told::Keys(page)) => page,
                Ok(_) => return Err(stopped("a node answered something else")),
                Err(why) => {
                    let node = node.as_u64();
                    return Err(Stopped {
                        why: format!("node {node} did not tell: {why}"),
                        silent: vec![Silent { node, why }],
                    });
                }
            };
            for row in page.rows {
                rows.entry(row.key.clone()).or_default().insert(node, row);
            }
            match page.stopped_at {
                Some(at) => after = Some(at),
                None => return Ok(()),
            }
        }
    }

    /// Looks at keys again, until their newest row is the same as at the look before: then nobody writes them now.
    async fn look_again(
        &self,
        mut before: BTreeMap<Key, Shown>,
        compared: &mut Compared,
    ) -> Result<(), Stopped> {
        for _ in 0..LOOKS {
            if before.is_empty() {
                return Ok(());
            }
            sleep(MOMENT).await;
            let keys: Vec<Key> = before.keys().cloned().collect();
            let mut now: BTreeMap<Key, Shown> = BTreeMap::new();
            let ask = Ask::Seen {
                tablet: self.tablet.as_u64(),
                keys: keys.clone(),
            };
            for (node, told) in self.ask(&ask).await? {
                let Told::Seen(seen) = told else {
                    return Err(stopped("a node answered something else"));
                };
                for (key, row) in keys.iter().zip(seen) {
                    let shown = now.entry(key.clone()).or_default();
                    shown.extend(row.map(|row| (node, row)));
                }
            }
            for (key, shown) in std::mem::take(&mut before) {
                let Some(again) = now.remove(&key) else { continue };
                if !self.differs(&again) {
                    compared.tablet.settled += 1;
                } else if newest(&again).map(stamp) == newest(&shown).map(stamp) {
                    self.name(&key, &again, compared);
                } else {
                    before.insert(key, again);
                }
            }
        }
        // Written at every look: no difference that stays.
        compared.tablet.settled += before.len() as u64;
        Ok(())
    }

    fn differs(&self, shown: &Shown) -> bool {
        let Some(newest) = newest(shown) else { return false };
        let same = |row: &RowSeen| stamp(row) == stamp(newest) && row.digest == newest.digest;
        shown.len() < self.replicas.len() || !shown.values().all(same)
    }

    fn name(&self, key: &Key, shown: &Shown, compared: &mut Compared) {
        let Some(newest) = newest(shown) else { return };
        let holds = |row: &RowSeen| stamp(row) == stamp(newest) && row.digest == newest.digest;
        let holders = shown.values().filter(|row| holds(row)).count();
        let newest_on = shown
            .iter()
            .find(|(_, row)| holds(row))
            .map_or(0, |(node, _)| node.as_u64());
        let below_quorum = holders < self.quorum;
        compared.tablet.differences += 1;
        compared.below_quorum += u64::from(below_quorum);
        for node in &self.replicas {
            let what = match shown.get(node) {
                None => WhatDiffers::Missing,
                Some(row) if holds(row) => continue,
                Some(row) if stamp(row) == stamp(newest) => WhatDiffers::Different,
                Some(_) => WhatDiffers::Older,
            };
            if compared.named.len() < self.named_max {
                compared.named.push(Difference {
                    tablet: self.tablet.as_u64(),
                    key: key.to_base64(),
                    node: node.as_u64(),
                    what,
                    newest_time: newest.time,
                    newest_is_tombstone: newest.tombstone,
                    newest_on,
                    below_quorum,
                });
            }
        }
    }
}

/// Where ranges that were read up to `end` all stop, or where else to read them to.
fn common_end(digests: &BTreeMap<NodeId, RangeDigest>, end: &Option<Key>) -> Result<Option<Key>, Key> {
    // Whoever stopped at the end has read all of it, as have those that say nothing.
    let stops = || {
        digests
            .values()
            .map(|digest| digest.stopped_at.as_ref().or(end.as_ref()))
    };
    match stops().flatten().min() {
        Some(nearest) if stops().any(|stop| stop != Some(nearest)) => Err(nearest.clone()),
        nearest => Ok(nearest.cloned()),
    }
}

fn count_of(node: NodeId) -> ReplicaCount {
    ReplicaCount {
        node: node.as_u64(),
        rows: 0,
        tombstones: 0,
        bytes: 0,
    }
}

fn stopped(why: &str) -> Stopped {
    Stopped {
        why: why.to_owned(),
        silent: Vec::new(),
    }
}

fn newest(shown: &Shown) -> Option<&RowSeen> {
    shown.values().max_by_key(|row| stamp(row))
}

const fn stamp(row: &RowSeen) -> (u64, u64, u64, bool) {
    (row.time, row.node, row.start, row.tombstone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: &'static str) -> Key {
        Key(key.into())
    }

    fn digests(stops: [Option<&'static str>; 2]) -> BTreeMap<NodeId, RangeDigest> {
        let digest = |stop: Option<&'static str>| RangeDigest {
            rows: 1,
            tombstones: 0,
            bytes: 1,
            digest: 1,
            stopped_at: stop.map(key),
        };
        (1..).map(NodeId::new).zip(stops.map(digest)).collect()
    }

    #[test]
    fn replicas_that_hold_different_counts_come_to_one_end() {
        let end = |stops, end: Option<&'static str>| common_end(&digests(stops), &end.map(key));
        assert_eq!(end([None, None], None), Ok(None));
        assert_eq!(end([Some("d"), Some("d")], None), Ok(Some(key("d"))));
        assert_eq!(end([Some("d"), Some("f")], None), Err(key("d")));
        assert_eq!(end([Some("d"), None], None), Err(key("d")));
        assert_eq!(end([None, None], Some("d")), Ok(Some(key("d"))));
        // One had just as many rows as it may read.
        assert_eq!(end([Some("d"), None], Some("d")), Ok(Some(key("d"))));
        assert_eq!(end([Some("c"), None], Some("d")), Err(key("c")));
        assert_eq!(end([Some("c"), Some("d")], Some("d")), Err(key("c")));
    }
}
