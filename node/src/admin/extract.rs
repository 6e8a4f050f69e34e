//! What a request says, or a problem that names what is wrong with it.

use std::time::Duration;

use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::{Json, RequestExt as _};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::problem::Failure;
use crate::api::{Object, problem_type};

/// A part of the path.
pub(crate) struct InPath<T>(pub(crate) T);

impl<T, S> FromRequestParts<S> for InPath<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let read = Path::<T>::from_request_parts(parts, state).await;
        let Path(value) = read.map_err(|error| unreadable(format!("the path cannot be read: {error}")))?;
        Ok(Self(value))
    }
}

/// What stands after the question mark.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T, S> FromRequestParts<S> for Asked<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let read = Query::<T>::from_request_parts(parts, state).await;
        let Query(value) = read.map_err(|error| unreadable(format!("the query cannot be read: {error}")))?;
        Ok(Self(value))
    }
}

/// A body of JSON.
pub(crate) struct Said<T>(pub(crate) T);

impl<T, S> FromRequest<S> for Said<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let read = in_time(Json::<Object<T>>::from_request(request, state)).await?;
        let Json(Object(value)) = read.map_err(|error| no_json(&error))?;
        Ok(Self(value))
    }
}

/// A body of JSON, or none: then the defaults count.
pub(crate) struct MaySay<T>(pub(crate) T);

impl<T, S> FromRequest<S> for MaySay<T>
where
    T: DeserializeOwned + Default,
    S: Send + Sync,
{
    type Rejection = Failure;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Failure> {
        let (parts, body) = request.with_limited_body().into_parts();
        let body = Request::from_parts(parts.clone(), body);
        let read = in_time(Bytes::from_request(body, &())).await?;
        let bytes = read.map_err(|error| no_bytes(&error))?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        let again = Request::from_parts(parts, bytes.into());
        let read = Json::<Option<Object<T>>>::from_request(again, &()).await;
        let Json(value) = read.map_err(|error| no_json(&error))?;
        Ok(Self(value.map(|object| object.0).unwrap_or_default()))
    }
}

/// A body of bytes.
pub(crate) struct Raw {
    pub(crate) bytes: Bytes,
    /// The type that the request says they have, in lower case, without parameters.
    pub(crate) media_type: Option<String>,
}

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let media_type = request.headers().get(CONTENT_TYPE).map(|value| {
            let value = String::from_utf8_lossy(value.as_bytes()).to_lowercase();
            value.split(';').next().unwrap_or_default().trim().to_owned()
        });
        let read = in_time(Bytes::from_request(request, state)).await?;
        let bytes = read.map_err(|error| no_bytes(&error))?;
        Ok(Self { bytes, media_type })
    }
}

/// How long a body may take to come: shorter than the request, so that the answer says what is missing.
const BODY_DEADLINE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 30 });

/// Nothing is done before the whole body is here.
async fn in_time<T>(read: impl Future<Output = T>) -> Result<T, Failure> {
    timeout(BODY_DEADLINE, read).await.map_err(|_| {
        let detail =
            format!("the body did not come within {BODY_DEADLINE:?}; nothing was done: send it again");
        let (status, kind) = (StatusCode::REQUEST_TIMEOUT, problem_type::TIMED_OUT);
        Failure::new(status, kind, "The body did not come", detail)
    })
}

pub(crate) fn unreadable(detail: String) -> Failure {
    let (kind, title) = (problem_type::BAD_REQUEST, "The request cannot be read");
    Failure::new(StatusCode::BAD_REQUEST, kind, title, detail)
}

pub(crate) fn media_type(detail: String) -> Failure {
    let (kind, title) = (problem_type::MEDIA_TYPE, "Another type of body is wanted");
    Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, kind, title, detail)
}

fn no_json(error: &JsonRejection) -> Failure {
    match error {
        JsonRejection::MissingJsonContentType(_) => {
            media_type("the body has to be JSON, and say so: `Content-Type: application/json`".to_owned())
        }
        JsonRejection::JsonDataError(error) => Failure::senseless(error.body_text()),
        JsonRejection::BytesRejection(error) => no_bytes(error),
        other => unreadable(other.body_text()),
    }
}

fn no_bytes(error: &BytesRejection) -> Failure {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let detail = format!(
            "a body has at most {} bytes: send the rows in several requests",
            super::BODY_BYTES_MAX
        );
        let (kind, title) = (problem_type::BODY_TOO_LARGE, "The body is too long");
        return Failure::new(StatusCode::PAYLOAD_TOO_LARGE, kind, title, detail);
    }
    unreadable(error.body_text())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures_util::stream;

    use super::*;
    use crate::api::{CancelRequest, MoveRequest, Problem};

    /// A request whose body is promised and never sent.
    fn promised() -> Request {
        let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let request = Request::builder().header(CONTENT_TYPE, "application/json");
        request.body(body).expect("a request")
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_a_problem_of_its_own() {
        let answers = [
            Said::<MoveRequest>::from_request(promised(), &()).await.err(),
            MaySay::<CancelRequest>::from_request(promised(), &()).await.err(),
            Raw::from_request(promised(), &()).await.err(),
        ];
        for failure in answers {
            let problem = Problem::from(failure.expect("no body"));
            assert_eq!(
                (problem.status, problem.kind.as_str()),
                (408, problem_type::TIMED_OUT)
            );
        }
    }
}
