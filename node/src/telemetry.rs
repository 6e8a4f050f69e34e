//! What a node measures, as Prometheus reads it. `docs/METRICS.md` lists all of it.

mod sampler;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use metrics::counter;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tidegate_streaming::{EndCause, StreamRole};
use tokio::time::{MissedTickBehavior, interval};

use self::sampler::Sampler;
use crate::admin::RenderMetrics;
use crate::running::Running;

/// Upper bounds of all histograms, in seconds: from a drain that has nothing to wait for to a stream of half an hour.
const BUCKETS: [f64; 17] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0,
];

/// How often what nobody counts is looked at.
const SAMPLES: Duration = Duration::from_secs(1);

/// What this process measures.
#[derive(Clone)]
pub(crate) struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// Has everything counted that this process counts from now on. Once in a process, before anything is started:
    /// some count into what was there when they began.
    pub(crate) fn install() -> Result<Self> {
        let recorder = recorder()?;
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).context("something counts already")?;
        begin_at_zero();
        Ok(Self { handle })
    }

    /// All of it, in Prometheus' text form.
    pub(crate) fn render(&self) -> String {
        self.handle.render()
    }

    /// What renders, for the admin API.
    pub(crate) fn renderer(&self) -> RenderMetrics {
        let metrics = self.clone();
        Arc::new(move || metrics.render())
    }

    /// Looks at what is not counted where it happens, and keeps what was counted small, until it is dropped.
    pub(crate) async fn keep(self, running: Arc<Running>) {
        let mut pace = interval(SAMPLES);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sampler = Sampler::default();
        loop {
            pace.tick().await;
            sampler.look(&running);
            self.handle.run_upkeep();
        }
    }
}

/// Counters of which an alarm looks for the first event: a series that appears with it never grows.
fn begin_at_zero() {
    for role in [StreamRole::Send, StreamRole::Receive] {
        for cause in [EndCause::DiskFull, EndCause::Decode, EndCause::Stalled] {
            let labels = [("role", role.as_str()), ("cause", cause.as_str())];
            counter!("tidegate_streams_ended_total", &labels).increment(0);
        }
    }
    counter!("tidegate_stream_refused_total", "reason" => "not_member").increment(0);
}

fn recorder() -> Result<PrometheusRecorder> {
    let builder = PrometheusBuilder::new().set_buckets(&BUCKETS);
    Ok(builder.context("the buckets of histograms")?.build_recorder())
}

/// A recorder of one test, which records on the test's thread.
#[cfg(test)]
pub(crate) struct Recording(PrometheusRecorder);

#[cfg(test)]
impl Recording {
    pub(crate) fn new() -> Self {
        Self(recorder().expect("a recorder"))
    }

    pub(crate) const fn recorder(&self) -> &PrometheusRecorder {
        &self.0
    }

    pub(crate) fn metrics(&self) -> Metrics {
        let handle = self.0.handle();
        Metrics { handle }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use self::tests::hold_against_the_list;
