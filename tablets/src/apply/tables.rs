//! Tables come and go; their numbers never come back.

use crate::{
    Accepted, Applied, Epoch, Metadata, Refused, ReplicaSpec, Table, TableId, Tablet, TabletId, TokenRange,
};

impl Metadata {
    pub(super) fn create_table(&mut self, name: &str, replicas: &[ReplicaSpec]) -> Result<Applied, Refused> {
        if name.len() > Table::NAME_BYTES_MAX {
            return Err(Refused::invalid("the name of a table is too long"));
        }
        if replicas.len() > Table::TABLETS_MAX as usize {
            return Err(Refused::invalid("a table of too many tablets"));
        }
        let count = replicas.len() as u32;
        if count == 0 || replicas.iter().any(ReplicaSpec::is_empty) {
            return Err(Refused::invalid("a table without replicas"));
        }
        if let Some(node) = replicas
            .iter()
            .flatten()
            .find(|node| !self.is_live_member(**node))
        {
            return Err(Refused::NoNode(*node));
        }
        // Two who make it at once both saw that there was none. Tables are few, and seldom made.
        if let Some((taken, _)) = self.tables.iter().find(|(_, table)| table.name == name) {
            return Err(Refused::TableExists(*taken));
        }
        // Numbers that were given once are never given again, so the counters only grow.
        let (Some(next_table), Some(next_tablet)) = (
            self.next_table.checked_add(1),
            self.next_tablet.checked_add(u64::from(count)),
        ) else {
            return Err(Refused::invalid("the numbers of tables or tablets are used up"));
        };

        let table = TableId::new(self.next_table);
        let ids: Vec<TabletId> = (self.next_tablet..next_tablet).map(TabletId::new).collect();
        for ((id, range), replicas) in ids.iter().zip(TokenRange::split_ring(count)).zip(replicas) {
            for node in replicas {
                self.hold(*node, *id);
            }
            let replicas = replicas.clone();
            let epoch = Epoch::new(1);
            let tablet = Tablet {
                table,
                range,
                replicas,
                epoch,
                transition: None,
                purge_floor: 0,
            };
            self.tablets.insert_mut(*id, tablet);
        }
        self.tables.insert_mut(
            table,
            Table {
                name: name.to_owned(),
                tablets: ids.clone(),
            },
        );
        self.next_table = next_table;
        self.next_tablet = next_tablet;
        Ok(Applied::touching(Accepted::Table(table), ids))
    }

    pub(super) fn drop_table(&mut self, table: TableId) -> Result<Applied, Refused> {
        let ids = self
            .tables
            .get(&table)
            .ok_or(Refused::NoTable(table))?
            .tablets
            .clone();
        for id in &ids {
            // The transition and its session go with the tablet, in this same change.
            let participants = self.tablets.get(id).map(Tablet::participants).unwrap_or_default();
            for node in participants {
                self.let_go(node, *id);
            }
            self.tablets.remove_mut(id);
        }
        self.tables.remove_mut(&table);
        Ok(Applied::touching(Accepted::Done, ids))
    }
}
