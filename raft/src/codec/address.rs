//! Where a node is to be found.

use bincode::{Decode, Encode};
use tidegate_tablets::NodeAddress;

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
