//! A member, and where it is to be found.

use bincode::{Decode, Encode};
use tidegate_tablets::{NodeAddress, NodeId, NodeInfo};

#[derive(Debug, Encode, Decode)]
pub(super) struct AddressFrame {
    transport: String,
    admin: String,
}

impl AddressFrame {
    pub(super) fn new(address: &NodeAddress) -> Self {
        Self {
            transport: address.transport.clone(),
            admin: address.admin.clone(),
        }
    }

    pub(super) fn open(self) -> NodeAddress {
        NodeAddress {
            transport: self.transport,
            admin: self.admin,
        }
    }
}

#[derive(Debug, Encode, Decode)]
pub(super) struct MemberFrame {
    id: u64,
    excluded: bool,
    rack: Option<String>,
    draining: bool,
    address: Option<AddressFrame>,
}

impl MemberFrame {
    pub(super) fn new(id: NodeId, info: &NodeInfo) -> Self {
        Self {
            id: id.as_u64(),
            excluded: info.excluded,
            rack: info.rack.clone(),
            draining: info.draining,
            address: info.address.as_ref().map(AddressFrame::new),
        }
    }

    pub(super) fn open(self) -> (NodeId, NodeInfo) {
        let info = NodeInfo {
            excluded: self.excluded,
            rack: self.rack,
            draining: self.draining,
            address: self.address.map(AddressFrame::open),
        };
        (NodeId::new(self.id), info)
    }
}
