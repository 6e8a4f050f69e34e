//! CUBIC, as quinn has it, that lets a connection say its farewell.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use quinn::Connection;
use quinn::congestion::{Controller, ControllerFactory, ControllerMetrics, CubicConfig};
use quinn_proto::RttEstimator;

/// A window that nothing fills; far enough from the end of the numbers to be added to.
const OPEN: u64 = u64::MAX / 2;

/// CUBIC with the first window that RFC 9002 names for datagrams of that many bytes (section 7.2). quinn's own is made
/// for 1,200 bytes: of datagrams above 14,720 not one would fit, and the connection never move.
pub(crate) fn cubic(datagram: u16) -> impl ControllerFactory + Send + Sync + 'static {
    let datagram = u64::from(datagram);
    let mut cubic = CubicConfig::default();
    cubic.initial_window((10 * datagram).min(14_720.max(2 * datagram)));
    Factory(Arc::new(cubic))
}

/// Lets what is about to be closed send its CONNECTION_CLOSE.
///
/// quinn-proto (up to 0.11.19 at least; its issue 2785) holds that packet back while the window is full, and once closed
/// it reads no acknowledgement any more: the window stays full, and the peer hears nothing until its idle timeout. A node
/// that was excluded in the middle of a stream would serve on for that long. So the window opens first.
pub(crate) fn open_window(connection: &Connection) {
    if let Ok(state) = connection.congestion_state().into_any().downcast::<Closable>() {
        // Relaxed: the connection's own lock, which the close takes next, orders it.
        state.closing.store(true, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Factory(Arc<CubicConfig>);

impl ControllerFactory for Factory {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(Closable {
            inner: Arc::clone(&self.0).build(now, current_mtu),
            closing: Arc::default(),
        })
    }
}

struct Closable {
    inner: Box<dyn Controller>,
    /// One for all that were cloned of it.
    closing: Arc<AtomicBool>,
}

impl Controller for Closable {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.inner.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, app_limited: bool, rtt: &RttEstimator) {
        self.inner.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, largest_acked: Option<u64>) {
        self.inner.on_end_acks(now, in_flight, app_limited, largest_acked);
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, is_persistent: bool, lost_bytes: u64) {
        self.inner
            .on_congestion_event(now, sent, is_persistent, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.inner.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        if self.closing.load(Ordering::Relaxed) {
            OPEN
        } else {
            self.inner.window()
        }
    }

    fn metrics(&self) -> ControllerMetrics {
        self.inner.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self {
            inner: self.inner.clone_box(),
            closing: Arc::clone(&self.closing),
        })
    }

    fn initial_window(&self) -> u64 {
        self.inner.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_window_holds_two_datagrams_and_no_more_than_ten() {
        let first = |datagram| Arc::new(cubic(datagram)).build(Instant::now(), datagram).window();
        assert_eq!(
            [first(1200), first(1452), first(8972), first(65_507)],
            [12_000, 14_520, 17_944, 131_014]
        );
    }
}
