//! For tests of the router: a cluster of one in a temporary directory, asked without a socket.

use super::{BasePath, Node, NodeParts, router};
use acceptor::{Caller, Limits, Names, Places};
use anyhow::{Context, Result, ensure};
use axum::body::Body;
use axum::{Extension, Router};
use controller::disk::Directory;
use controller::environment::Machine;
use controller::net::{Dialled, Transport};
use controller::{Ground, Options, PushNetworks, Speaks};
use futures::future::BoxFuture;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tower::ServiceExt;

const READY_WITHIN: Duration = Duration::from_secs(30);

/// All calls share one place: nobody connects.
const LIMITS: Limits = Limits { connections: 1, head_within: READY_WITHIN, head_within_when_scarce: READY_WITHIN };

/// Whoever asks.
const CALLER: Caller =
    Caller { address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1), secure: false, identity: None, fingerprint: None };

/// There is nobody to connect to.
struct Nobody;

impl Transport for Nobody {
    fn connect(&self, _: &str) -> BoxFuture<'static, io::Result<Dialled>> {
        Box::pin(async { Err(io::Error::other("there is no other node")) })
    }
}

pub struct Alone {
    pub router: Router,
    _dir: TempDir,
}

pub struct Answered {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answered {
    /// Null when it is no JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

impl Alone {
    pub async fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let options = Options {
            node_id: 1,
            peers: [(1, "http://127.0.0.1:1".to_owned())].into(),
            join: false,
            snapshot_every: 1_000,
            scrub_interval: Duration::from_secs(60),
            election_timeout: Duration::from_millis(100),
            heartbeat_interval: Duration::from_millis(20),
            broker_session_timeout: Duration::from_secs(3_600),
            push_networks: PushNetworks::default(),
            speaks: Speaks::default(),
            journal: None,
            database_url: None,
        };
        let ground = Ground {
            transport: Arc::new(Nobody),
            environment: Arc::new(Machine::default()),
            disk: Arc::new(Directory::new(dir.path())?),
            certificates: None,
            background: tokio::runtime::Handle::current(),
        };
        let controller = controller::start(options, ground).await?;
        let began = Instant::now();
        while !controller.ready() {
            ensure!(began.elapsed() < READY_WITHIN, "it does not become ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let places = Places::new(LIMITS);
        let place = places.take().await.context("no place")?;
        let router = router(Node::from(NodeParts::new(controller, Names::new([]), 2, places, BasePath::default())), None)
            .layer(Extension(place))
            .layer(Extension(CALLER));
        Ok(Alone { router, _dir: dir })
    }

    pub async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<Answered> {
        let request = Request::builder().method(method).uri(path).header(header::HOST, "127.0.0.1:1");
        let request = match body {
            Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        let response = self.router.clone().oneshot(request.context("no request")?).await?;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await?.to_bytes();
        Ok(Answered { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() })
    }
}
