//! The control service.

use tidegate_replica::decoders;

use super::same_again;

pub(crate) fn control(input: &[u8]) {
    for decode in [decoders::request, decoders::barrier, decoders::operation] {
        same_again(input.to_vec(), |frame| decode(frame), |frame| frame.to_vec());
    }
}
