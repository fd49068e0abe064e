//! Where the other controllers connect: the connection is handed to Raft's own runtime. Over TLS it is theirs from the beginning, and
//! there is no other way; plain it is upgraded.

use super::problem::Refused;
use super::{Node, upgraded};
use crate::transport::certified;
use acceptor::{Caller, Place, Stream};
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use controller::Controller;
use controller::net::Certified;
use http::{StatusCode, header};
use hyper::upgrade::OnUpgrade;
use metadata::Code;
use std::io;
use tls::Secured;
use tokio::io::AsyncReadExt;

pub async fn upgrade(
    State(node): State<Node>,
    Extension(place): Extension<Place>,
    Extension(caller): Extension<Caller>,
    mut request: Request,
) -> Response {
    let asked = request.headers().get(header::UPGRADE).and_then(|value| value.to_str().ok());
    if asked != Some(controller::net::PROTOCOL) {
        return Refused::new(Code::UpgradeRequired, "Only controllers speak here").into_response();
    }
    if caller.secure {
        return Refused::new(Code::UpgradeRequired, "Over TLS, controllers say by ALPN that they speak quorate-raft/1").into_response();
    }
    let upgrading = hyper::upgrade::on(&mut request);
    let controller = node.controller.clone();
    tokio::spawn(async move {
        let _place = place;
        if let Err(error) = serve_upgraded(&controller, upgrading).await {
            tracing::warn!(%error, "a peer's connection was lost");
        }
    });
    (StatusCode::SWITCHING_PROTOCOLS, [(header::CONNECTION, "upgrade"), (header::UPGRADE, controller::net::PROTOCOL)]).into_response()
}

async fn serve_upgraded(controller: &Controller, upgrading: OnUpgrade) -> io::Result<()> {
    let (stream, already_read) = upgraded::stream(upgrading).await?;
    let (reader, writer) = match stream.moved_to(controller.runtime())? {
        Stream::Plain(stream) => stream.into_split(),
        Stream::Tls(_) => return Err(io::ErrorKind::Unsupported.into()),
    };
    serve(controller, tokio::io::join(io::Cursor::new(already_read).chain(reader), writer), None).await
}

/// Serves a connection on which a controller speaks Raft from the first byte on.
pub fn serve_secured(controller: &Controller, stream: Secured, place: Place) {
    let Some(proven) = certified(&stream) else { return };
    let controller = controller.clone();
    tokio::spawn(async move {
        let _place = place;
        let served = match stream.moved_to(controller.runtime()) {
            Ok(stream) => serve(&controller, stream, Some(proven)).await,
            Err(error) => Err(error),
        };
        if let Err(error) = served {
            tracing::warn!(%error, "a peer's connection was lost");
        }
    });
}

/// A busy page never delays a Raft heartbeat, and no other thread has to wake up for one: the stream is on Raft's runtime.
async fn serve(controller: &Controller, stream: impl controller::net::Duplex, proven: Option<Certified>) -> io::Result<()> {
    match controller.serve_peer(stream, proven).await {
        Err(error) if !error.is_cancelled() => Err(io::Error::other(error)),
        // Raft's runtime ends with the node.
        _ => Ok(()),
    }
}
