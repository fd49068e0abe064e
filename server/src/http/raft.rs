//! Where the other controllers connect: the connection is upgraded and handed to Raft's own runtime.

use super::problem::Refused;
use super::{Node, upgraded};
use acceptor::Place;
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use controller::Controller;
use http::{StatusCode, header};
use hyper::upgrade::OnUpgrade;
use metadata::Code;
use std::io;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

pub async fn upgrade(State(node): State<Node>, Extension(place): Extension<Place>, mut request: Request) -> Response {
    let asked = request.headers().get(header::UPGRADE).and_then(|value| value.to_str().ok());
    if asked != Some(controller::net::PROTOCOL) {
        return Refused::new(Code::UpgradeRequired, "Only controllers speak here").into_response();
    }
    let upgrading = hyper::upgrade::on(&mut request);
    let controller = node.controller.clone();
    tokio::spawn(async move {
        let _place = place;
        if let Err(error) = serve(&controller, upgrading).await {
            tracing::warn!(%error, "a peer's connection was lost");
        }
    });
    (StatusCode::SWITCHING_PROTOCOLS, [(header::CONNECTION, "upgrade"), (header::UPGRADE, controller::net::PROTOCOL)]).into_response()
}

/// Moves the socket to Raft's runtime: a busy page never delays a Raft heartbeat, and no other thread has to wake up for one.
async fn serve(controller: &Controller, upgrading: OnUpgrade) -> io::Result<()> {
    let (stream, already_read) = upgraded::socket(upgrading).await?;
    let moved = stream.into_std()?;
    let (reader, writer) = {
        let _entered = controller.runtime().enter();
        TcpStream::from_std(moved)?.into_split()
    };
    match controller.serve_peer(tokio::io::join(io::Cursor::new(already_read).chain(reader), writer)).await {
        Err(error) if !error.is_cancelled() => Err(io::Error::other(error)),
        // Raft's runtime ends with the node.
        _ => Ok(()),
    }
}
