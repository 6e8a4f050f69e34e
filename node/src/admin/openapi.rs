//! The API's own description.

use std::sync::OnceLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse as _;
use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{RefOr, Required};
use utoipa_axum::router::OpenApiRouter;

use super::App;
use crate::api::Problem;

/// Steers a tidegate cluster. Any node answers for all of it. Errors are problem details (RFC 9457) whose detail says what
/// to try. A write whose outcome is not known is a 504 of the type `/problems/outcome-unknown`.
#[derive(OpenApi)]
#[openapi(
    info(title = "tidegate admin API", license(name = "MIT OR Apache-2.0")),
    components(schemas(Problem)),
    modifiers(&Bearer),
    security((), ("token" = []))
)]
struct Document;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
}

pub(super) fn with_document(router: Router<App>, document: utoipa::openapi::OpenApi) -> Router<App> {
    let document = Json(as_taken(document));
    router.route(
        "/openapi.json",
        get(|| async move { ([(CONTENT_TYPE, "application/json")], document).into_response() }),
    )
}

/// A value may be empty, and then has no body.
fn as_taken(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let row = document.paths.paths.get_mut("/v1/tables/{name}/rows/{key}");
    let body = row.and_then(|row| row.put.as_mut()?.request_body.as_mut());
    if let Some(RefOr::T(body)) = body {
        body.required = Some(Required::False);
    }
    document
}

/// The methods that a path takes, as the header `Allow` lists them.
pub(super) fn methods_of(path: &str) -> String {
    static PATHS: OnceLock<Vec<(String, String)>> = OnceLock::new();
    let paths = PATHS.get_or_init(|| {
        let (_, document) = super::paths().split_for_parts();
        let of = |(path, item): (String, utoipa::openapi::PathItem)| {
            let methods = [
                (item.get.is_some(), "GET"),
                (item.get.is_some(), "HEAD"),
                (item.put.is_some(), "PUT"),
                (item.post.is_some(), "POST"),
                (item.delete.is_some(), "DELETE"),
            ];
            let taken = methods
                .into_iter()
                .filter(|(taken, _)| *taken)
                .map(|(_, name)| name);
            (path, taken.collect::<Vec<_>>().join(", "))
        };
        document.paths.paths.into_iter().map(of).collect()
    });
    let found = paths.iter().find(|(pattern, _)| matches(pattern, path));
    found.map_or_else(|| "GET, HEAD".to_owned(), |(_, methods)| methods.clone())
}

fn matches(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given || wanted.starts_with('{') => {}
            _ => return false,
        }
    }
}
