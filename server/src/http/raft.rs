//! Where the other controllers connect: the connection is upgraded and handed to Raft's own runtime.

use super::Node;
use super::problem::Refused;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use controller::Controller;
use http::{StatusCode, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use metadata::Code;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

pub async fn upgrade(State(node): State<Node>, mut request: Request) -> Response {
    let asked = request.headers().get(header::UPGRADE).and_then(|value| value.to_str().ok());
    if asked != Some(controller::net::PROTOCOL) {
        return Refused::new(Code::UpgradeRequired, "Only controllers speak here").into_response();
    }
    let upgrading = hyper::upgrade::on(&mut request);
    let controller = node.controller.clone();
    tokio::spawn(async move {
        match upgrading.await {
            Ok(upgraded) => serve(&controller, upgraded),
            Err(error) => tracing::debug!(%error, "a peer's connection was not upgraded"),
        }
    });
    (StatusCode::SWITCHING_PROTOCOLS, [(header::CONNECTION, "upgrade"), (header::UPGRADE, controller::net::PROTOCOL)]).into_response()
}

/// Moves the socket to Raft's runtime, so that a busy page never delays a Raft heartbeat.
fn serve(controller: &Controller, upgraded: Upgraded) {
    let parts = match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => parts,
        Err(upgraded) => return controller.serve_peer(TokioIo::new(upgraded)),
    };
    let moved = parts.io.into_inner().into_std();
    let entered = controller.runtime().enter();
    match moved.and_then(TcpStream::from_std) {
        Ok(stream) => {
            let (reader, writer) = stream.into_split();
            let already_read = std::io::Cursor::new(parts.read_buf);
            controller.serve_peer(tokio::io::join(already_read.chain(reader), writer));
        }
        Err(error) => tracing::warn!(%error, "a peer's connection was lost"),
    }
    drop(entered);
}
