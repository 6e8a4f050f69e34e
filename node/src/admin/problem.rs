//! What went wrong, as a problem (RFC 9457).

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::Request;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tidegate_coordinator::OperatorError;
use tidegate_tablets::Refused;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::response::{Response as ResponseDoc, ResponseBuilder};
use utoipa::openapi::{Ref, RefOr};

use crate::api::{Problem, problem_type};

/// A request that was not done, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: String,
}

impl Failure {
    pub(crate) const fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: String,
    ) -> Self {
        Self {
            status,
            kind,
            title,
            detail,
        }
    }

    pub(crate) const fn conflict(kind: &'static str, title: &'static str, detail: String) -> Self {
        Self::new(StatusCode::CONFLICT, kind, title, detail)
    }

    /// The request is understood, and asks for something that makes no sense.
    pub(crate) const fn senseless(detail: String) -> Self {
        let (kind, title) = (problem_type::BAD_REQUEST, "The request makes no sense");
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, kind, title, detail)
    }

    /// It was not done, and may be later.
    pub(crate) const fn unavailable(detail: String) -> Self {
        let (kind, title) = (problem_type::UNAVAILABLE, "Not now");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, title, detail)
    }

    /// It may or may not have been done.
    pub(crate) const fn outcome_unknown(detail: String) -> Self {
        let (kind, title) = (problem_type::OUTCOME_UNKNOWN, "The outcome is not known");
        Self::new(StatusCode::GATEWAY_TIMEOUT, kind, title, detail)
    }

    pub(crate) fn no_cluster() -> Self {
        let detail = "this node belongs to no cluster yet: found one with `tidegate init`, or have the node join one \
                      with `tidegate join`";
        let title = "The node belongs to no cluster";
        Self::conflict(problem_type::NO_CLUSTER, title, detail.to_owned())
    }

    pub(crate) fn unknown_tablet(tablet: u64) -> Self {
        let detail = format!(
            "there is no tablet {tablet}, or none any more: `tidegate tablets TABLE` lists those of a table"
        );
        let (kind, title) = (problem_type::UNKNOWN_TABLET, "No such tablet");
        Self::new(StatusCode::NOT_FOUND, kind, title, detail)
    }

    pub(crate) fn unknown_table(name: &str) -> Self {
        let detail = format!("there is no table {name:?}: `tidegate tables` lists them");
        let (kind, title) = (problem_type::UNKNOWN_TABLE, "No such table");
        Self::new(StatusCode::NOT_FOUND, kind, title, detail)
    }

    pub(crate) fn unknown_node(node: u64) -> Self {
        let detail = format!("no node {node} ever was a member: `tidegate nodes` lists them");
        let (kind, title) = (problem_type::UNKNOWN_NODE, "No such node");
        Self::new(StatusCode::NOT_FOUND, kind, title, detail)
    }

    pub(crate) fn excluded(node: u64) -> Self {
        let detail = format!(
            "node {node} is excluded, for ever: a machine comes back only empty, under a new number (`tidegate join`)"
        );
        Self::conflict(problem_type::EXCLUDED, "The node is excluded", detail)
    }

    /// The node that answers is excluded.
    pub(crate) fn excluded_here(node: u64) -> Self {
        let detail =
            format!("node {node}, which answers, is excluded, for ever: ask another node, and stop this one");
        Self::conflict(problem_type::EXCLUDED, "The node is excluded", detail)
    }

    /// There is a table of that name.
    pub(crate) fn table_exists() -> Self {
        let detail = "there is a table of that name already: take another name, or drop it first";
        Self::conflict(problem_type::TABLE_EXISTS, "The table exists", detail.to_owned())
    }

    /// What the metadata said.
    pub(crate) fn refused(refused: &Refused) -> Self {
        match refused {
            Refused::NoTablet(tablet) => Self::unknown_tablet(tablet.as_u64()),
            Refused::InTransition(tablet) => Self::conflict(
                problem_type::IN_TRANSITION,
                "The tablet is in transition",
                format!(
                    "tablet {tablet} is in transition already: wait for its end (`tidegate moves`), or cancel it \
                     (`tidegate cancel {tablet}`)"
                ),
            ),
            Refused::NoTransition(tablet) => Self::conflict(
                problem_type::NOT_IN_TRANSITION,
                "No such transition",
                format!(
                    "tablet {tablet} is not moving, or not in the transition that was asked for: `tidegate moves`"
                ),
            ),
            Refused::TooLate { stage } => Self::conflict(
                problem_type::TOO_LATE,
                "Too late to cancel",
                format!(
                    "the transition is in {stage}, from where there is only forward: let it end, then move back"
                ),
            ),
            Refused::Quorum(tablet) => Self::conflict(
                problem_type::QUORUM,
                "A tablet would lose its quorum",
                format!(
                    "without that node tablet {tablet} has no quorum, and acknowledged writes may be lost: bring other \
                     nodes of it back first; `give_up` gives those writes up"
                ),
            ),
            Refused::TableExists(_) => Self::table_exists(),
            Refused::NodeExists(node) => Self::conflict(
                problem_type::NODE_EXISTS,
                "The number is taken",
                format!("node {node} is or was a member: numbers are never used again, take a new one"),
            ),
            other => Self::conflict(
                problem_type::REFUSED,
                "The metadata refuses it",
                format!("{other}; nothing was changed"),
            ),
        }
    }
}

impl From<OperatorError> for Failure {
    fn from(error: OperatorError) -> Self {
        match error {
            OperatorError::Refused(refused) => Self::refused(&refused),
            // Whoever asks has looked at the newest metadata before: the store stopped in the middle of it.
            OperatorError::Unknown { .. } | OperatorError::Missed | OperatorError::Stopped(_) => {
                Self::outcome_unknown(format!("{error}: look at the state before asking again"))
            }
            OperatorError::NotTaken { .. } => Self::unavailable(format!(
                "{error}; nothing was changed: `tidegate status` says which nodes are down, try again then"
            )),
            other => Self::unavailable(format!("{other}: ask another node")),
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self {
            kind: failure.kind.to_owned(),
            title: failure.title.to_owned(),
            status: failure.status.as_u16(),
            detail: failure.detail,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = self.status;
        let mut response = (status, Json(Problem::from(self))).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

pub(super) async fn no_such_path(request: Request) -> Failure {
    let detail = format!(
        "there is nothing at {:?}: /openapi.json lists the paths",
        request.uri().path()
    );
    Failure::new(
        StatusCode::NOT_FOUND,
        problem_type::NOT_FOUND,
        "Not found",
        detail,
    )
}

pub(super) async fn no_such_method(request: Request) -> Failure {
    let detail = format!(
        "{} is not for {:?}: /openapi.json lists what is",
        request.method(),
        request.uri().path()
    );
    let (kind, title) = (problem_type::METHOD_NOT_ALLOWED, "Method not allowed");
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, kind, title, detail)
}

/// A path that does not take a method says which it takes.
pub(super) async fn tell_method(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    if response.status() == StatusCode::METHOD_NOT_ALLOWED && !response.headers().contains_key(ALLOW) {
        let value = HeaderValue::from_str(&super::openapi::methods_of(&path));
        let value = value.unwrap_or(HeaderValue::from_static("GET"));
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

/// What any path may answer that is no success.
pub(crate) struct Problems;

const STATUSES: [(&str, &str); 13] = [
    ("400", "The request cannot be read"),
    ("401", "The bearer token is missing or wrong"),
    ("403", "Asked by a page of another site"),
    ("404", "Nothing of that name"),
    ("405", "The path does not take that method"),
    ("408", "The body did not come in time; nothing was done"),
    ("409", "Not as things are; the type and the detail say why"),
    ("413", "The body is too long"),
    ("415", "The body is of another type than the path takes"),
    (
        "422",
        "The request is understood and makes no sense; the detail says why",
    ),
    ("500", "A fault of the program"),
    (
        "503",
        "Not now: no leader, no quorum, or a node that does not answer; nothing was changed",
    ),
    (
        "504",
        "It may or may not have been done: look before asking again",
    ),
];

/// What is answered before anything of ours hears of the request, without a body.
const BARE: [(&str, &str); 2] = [
    ("414", "The path is too long"),
    ("431", "The headers are too long"),
];

impl utoipa::IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<ResponseDoc>> {
        let document = |(status, description): (&str, &str)| {
            let schema = Ref::from_schema_name("Problem");
            let content = ContentBuilder::new().schema(Some(schema)).build();
            let response = ResponseBuilder::new()
                .description(description)
                .content("application/problem+json", content)
                .build();
            (status.to_owned(), RefOr::T(response))
        };
        let bare = |(status, description): (&str, &str)| {
            let response = ResponseBuilder::new().description(description).build();
            (status.to_owned(), RefOr::T(response))
        };
        let problems = STATUSES.into_iter().map(document);
        problems.chain(BARE.into_iter().map(bare)).collect()
    }
}
