//! Nodes over QUIC on loopback, each with its own directory, and their APIs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Request, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_tablets::NodeId;
use tidegate_transport::PeerId;
use tidegate_transport_quic::authority::Authority;
use tokio::time::{interval, timeout};
use tower::ServiceExt as _;

use crate::admin::token::Token;
use crate::admin::{App, router};
use crate::config::{AdminConfig, LimitsConfig, LogConfig, LogFormat, NodeConfig, QuicPath, TlsConfig};
use crate::network::NetworkKind;
use crate::running::Running;

/// How long anything is waited for.
const DEADLINE: Duration = Duration::from_secs(60);

/// How often it is looked at.
pub(super) const PACE: Duration = Duration::from_millis(50);

/// Where nodes keep their data, and who issues their certificates.
pub(super) struct Place {
    root: TempDir,
    authority: Authority,
}

/// A node, and its API.
pub(super) struct Served {
    pub(super) running: Arc<Running>,
    router: Router,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) media_type: String,
    pub(super) allow: Option<String>,
    pub(super) body: Bytes,
}

impl Place {
    pub(super) fn new() -> Self {
        Self {
            root: tempfile::tempdir().expect("a directory"),
            authority: Authority::new("blue").expect("an authority"),
        }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.root.path().join(name);
        std::fs::write(&path, text).expect("writes");
        path
    }

    fn config(&self, number: u64) -> NodeConfig {
        let issued = self
            .authority
            .issue_pem(PeerId::new(number))
            .expect("a certificate");
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        NodeConfig {
            node: NodeId::new(number),
            data: self.root.path().join(format!("data-{number}")),
            listen: loopback,
            transport: NetworkKind::default(),
            advertise: None,
            rack: None,
            tls: TlsConfig {
                ca: self.write("ca.pem", self.authority.certificates_pem()),
                certificate: self.write(&format!("{number}.pem"), &issued.certificate),
                key: self.write(&format!("{number}.key"), &issued.key),
            },
            admin: AdminConfig {
                listen: loopback,
                advertise: format!("http://127.0.0.1:{}", 7480 + number),
                token_file: None,
                certificate: None,
            },
            peers: [].into(),
            log: LogConfig {
                format: LogFormat::Text,
                filter: "info".to_owned(),
            },
            limits: LimitsConfig::default(),
            quic: QuicPath::default(),
        }
    }

    pub(super) async fn start(&self, number: u64) -> Served {
        let started = Box::pin(Running::start(self.config(number))).await;
        Served::new(started.expect("starts"), None)
    }

    /// Nodes 1 to 4, founded over the API of the first.
    pub(super) async fn found(&self) -> Vec<Served> {
        let mut nodes = Vec::new();
        for number in 1..=4 {
            nodes.push(self.start(number).await);
        }
        let named: Vec<Value> = nodes.iter().map(Served::named).collect();
        let asked = json!({"nodes": named, "dry_run": true});
        nodes[0]
            .ask(Method::POST, "/v1/cluster/init", Some(&asked))
            .await
            .expect(200);
        let asked = json!({"nodes": named});
        nodes[0]
            .ask(Method::POST, "/v1/cluster/init", Some(&asked))
            .await
            .expect(201);
        for node in &nodes {
            node.until("ready", "/readyz", |answer| answer.status == 200)
                .await;
        }
        nodes
    }
}

impl Served {
    pub(super) fn new(running: Arc<Running>, token: Option<&str>) -> Self {
        let token = token.map(|token| Arc::new(Token::new(token).expect("a token")));
        let router = router(App::new(Arc::clone(&running), token, None));
        Self { running, router }
    }

    fn named(&self) -> Value {
        let address = &self.running.address;
        json!({"id": self.running.id.as_u64(), "transport": address.transport, "admin": address.admin})
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let response = timeout(DEADLINE, self.router.clone().oneshot(request)).await;
        let response = response.expect("in time").expect("an answer");
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().expect("text").to_owned())
        };
        let (media_type, allow) = (header("content-type").unwrap_or_default(), header("allow"));
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX)
            .await
            .expect("a body");
        Answer {
            status,
            media_type,
            allow,
            body,
        }
    }

    pub(super) async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = match body {
            Some(body) => request
                .header(CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.send(request.expect("a request")).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, Some(&body)).await
    }

    /// Asks until the answer is as wanted.
    pub(super) async fn until(&self, what: &str, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
        let waited = timeout(DEADLINE, async {
            let mut pace = interval(PACE);
            loop {
                pace.tick().await;
                let answer = self.get(path).await;
                if wanted(&answer) {
                    return answer;
                }
            }
        });
        waited.await.unwrap_or_else(|_| panic!("never: {what}"))
    }
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The JSON of an answer with that status.
    #[track_caller]
    pub(super) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        if self.body.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    /// Is a problem of that status and type, that says what to do.
    #[track_caller]
    pub(super) fn expect_problem(&self, status: u16, kind: &str) {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.media_type, "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["type"], format!("/problems/{kind}"), "{self:?}");
        assert_eq!(problem["status"], status, "{self:?}");
        assert!(
            problem["detail"].as_str().is_some_and(|detail| detail.len() > 10),
            "{self:?}"
        );
    }
}

pub(super) async fn stop_all(nodes: Vec<Served>) {
    for node in nodes {
        node.running.stop().await;
    }
}
