//! Who may ask: whoever shows the token; without one, whoever is on this machine and is no page of a website.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::App;
use super::problem::Failure;
use crate::api::problem_type;

/// What anyone may know: that the process lives, and whether it is ready.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

pub(super) async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    if let Err(failure) = may(&app, &request) {
        return failure.into_response();
    }
    next.run(request).await
}

fn may(app: &App, request: &Request) -> Result<(), Failure> {
    if OPEN.contains(&request.uri().path()) {
        return Ok(());
    }
    let Some(token) = &app.token else {
        return no_website(request.headers());
    };
    let shown = request
        .headers()
        .get(AUTHORIZATION)
        .map(axum::http::HeaderValue::as_bytes);
    let shown = shown.and_then(|value| {
        let (scheme, rest) = value.split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(rest)
    });
    let wrong = |detail: &str| {
        let (kind, title) = (problem_type::UNAUTHORIZED, "The token is missing or wrong");
        Err(Failure::new(
            StatusCode::UNAUTHORIZED,
            kind,
            title,
            detail.to_owned(),
        ))
    };
    match shown {
        Some(shown) if token.is(shown) => Ok(()),
        Some(_) => wrong("that is not the token of this node: it is in its `admin.token_file`"),
        None => wrong("show the token of this node's `admin.token_file`: `Authorization: Bearer …`"),
    }
}

/// Without a token, a page that someone on this machine happens to look at must not steer the cluster: a browser names
/// the page's site as the origin, and one that was led astray by DNS names the site as the host.
fn no_website(headers: &HeaderMap) -> Result<(), Failure> {
    let elsewhere = headers.contains_key(ORIGIN)
        || headers
            .get(HOST)
            .is_some_and(|host| host.to_str().map_or(true, |host| !is_this_machine(host)));
    if elsewhere {
        let detail = "without a token only programs on this machine may ask, by an IP address or `localhost`: set \
                      `admin.token_file` to ask from elsewhere";
        let (kind, title) = (problem_type::UNAUTHORIZED, "Asked by a page of another site");
        return Err(Failure::new(
            StatusCode::FORBIDDEN,
            kind,
            title,
            detail.to_owned(),
        ));
    }
    Ok(())
}

fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_this_machine_by_address_or_as_localhost() {
        for host in [
            "localhost",
            "localhost:7480",
            "127.0.0.1:7480",
            "[::1]:7480",
            "LOCALHOST",
        ] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:7480",
            "localhost.evil.example",
            "",
            ":7480",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
