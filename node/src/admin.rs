//! The admin API: what people and their tools see of a node, and ask of it.
//!
//! Every answer that is no success is a problem (RFC 9457) that says what to do next. Every request has a time limit,
//! and a body of at most 16 MiB. Off loopback it takes TLS and a token.

mod balancing;
mod barriers;

mod cluster;
mod extract;
mod health;
#[cfg(feature = "inject")]
mod inject;
#[allow(unused_qualifications, reason = "in what utoipa's macros write")]
mod journal;
mod limits;
mod moves;
mod nodes;
mod openapi;
mod placement;
mod problem;
mod row_path;
mod rows;
#[allow(unused_qualifications, reason = "in what utoipa's macros write")]
mod scan;
mod server;
mod sessions;
mod status;
mod tables;
mod tablets;
#[cfg(test)]
mod tests;
mod throttle;
mod token;
mod verify;
mod who_may;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use tidegate_tablets::{Metadata, MetadataStore as _};
use tokio::time::timeout;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::problem::Failure;
pub(crate) use self::server::AdminServer;
use self::token::Token;
use crate::running::Running;

/// Bytes of the longest body.
const BODY_BYTES_MAX: usize = 16 << 20;

/// How long the newest metadata is waited for, before anything is asked of it.
const BARRIER_DEADLINE: Duration = Duration::from_secs(5);

/// Renders the metrics, in Prometheus' text form.
pub(crate) type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// What the handlers see.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) running: Arc<Running>,
    token: Option<Arc<Token>>,
    metrics: Option<RenderMetrics>,
}

impl App {
    /// Whoever does not show the token is refused, where there is one.
    fn new(running: Arc<Running>, token: Option<Arc<Token>>, metrics: Option<RenderMetrics>) -> Self {
        Self {
            running,
            token,
            metrics,
        }
    }

    /// The metadata, as new as what was decided before this call.
    async fn newest(&self) -> Result<Arc<Metadata>, Failure> {
        if !self.running.has_cluster() {
            return Err(Failure::no_cluster());
        }
        // Cut off from the others it would wait for a leader in vain.
        if self.running.raft.snapshot().is_excluded(self.running.id) {
            return Err(Failure::excluded_here(self.running.id.as_u64()));
        }
        match timeout(BARRIER_DEADLINE, self.running.raft.read_barrier()).await {
            Ok(Ok(_)) => Ok(self.running.raft.snapshot()),
            Ok(Err(stopped)) => Err(Failure::unavailable(format!("{stopped}: ask another node"))),
            Err(_) => Err(Failure::unavailable(
                "the metadata has no leader that answers, so nothing can be decided: see `tidegate status` for which \
                 nodes are down, and start them; nothing was changed"
                    .to_owned(),
            )),
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("running", &self.running)
            .finish_non_exhaustive()
    }
}

/// The API, with everything that holds for all of it.
fn router(app: App) -> Router {
    let (router, document) = paths().split_for_parts();
    let router = openapi::with_document(router, document);
    router
        .fallback(problem::no_such_path)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn(problem::tell_method))
        .layer(from_fn(limits::within_time))
        .layer(from_fn_with_state(app.clone(), who_may::check))
        .layer(from_fn(limits::no_panic))
        .with_state(app)
}

fn paths() -> OpenApiRouter<App> {
    let router = openapi::router()
        .routes(routes!(status::status))
        .routes(routes!(nodes::list, nodes::join))
        .routes(routes!(nodes::drain))
        .routes(routes!(nodes::resume))
        .routes(routes!(nodes::exclude))
        .routes(routes!(nodes::disconnect))
        .routes(routes!(tables::list, tables::create))
        .routes(routes!(tables::drop_table))
        .routes(routes!(tablets::of_table))
        .routes(routes!(tablets::one))
        .routes(routes!(moves::begin))
        .routes(routes!(moves::cancel))
        .routes(routes!(moves::allow_fewer_sources))
        .routes(routes!(moves::list))
        .routes(routes!(journal::of_tablet))
        .routes(routes!(journal::all))
        .routes(routes!(balancing::show, balancing::set))
        .routes(routes!(sessions::list))
        .routes(routes!(barriers::list))
        .routes(routes!(throttle::show, throttle::set))
        .routes(routes!(scan::scan, rows::load))
        .routes(routes!(rows::read, rows::write, rows::delete))
        .routes(routes!(verify::verify))
        .routes(routes!(cluster::init))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics));
    #[cfg(feature = "inject")]
    let router = router.routes(routes!(inject::inject, inject::injected));
    router
}
