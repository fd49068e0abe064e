//! Accepts connections and speaks HTTP on them: as many as there are places for, and none that stays silent.

use crate::place::{Limits, Place, Places};
use crate::security::Security;
use axum::{Extension, Router};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::{Layer, ServiceExt};

/// How long nothing is accepted after the system refused to.
const BREATH: Duration = Duration::from_secs(1);
/// A connection on which nothing happens is probed after this long, this often and this many times: a peer that lost its
/// power says nothing, and a connection that has left HTTP waits for it without a limit.
const PROBE_AFTER: Duration = Duration::from_secs(30);
const PROBE_EVERY: Duration = Duration::from_secs(10);
const PROBES: u32 = 3;
/// How long a whole TLS handshake may take; no longer than the head of a request.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);

/// What is served on a port.
struct Served {
    router: Router,
    security: Security,
    limits: Limits,
    patient: http1::Builder,
    hasty: http1::Builder,
}

impl Served {
    /// One connection, from its first byte to its last.
    async fn connection(&self, stream: TcpStream, address: SocketAddr, place: Place, scarce: bool, mut end: watch::Receiver<()>) {
        let head = if scarce { self.limits.head_within_when_scarce } else { self.limits.head_within };
        let opening = tokio::time::timeout(head.min(HANDSHAKE_WITHIN), self.security.open(stream, address, &place));
        let opened = tokio::select! {
            opened = opening => opened.unwrap_or_else(|late| Err(late.into())),
            _ = end.changed() => return,
        };
        let (stream, caller) = match opened {
            Ok(Some(opened)) => opened,
            Ok(None) => return,
            Err(error) => return tracing::debug!(%address, %error, "no handshake"),
        };
        let routes = Extension(place.clone()).layer(Extension(caller).layer(self.router.clone()));
        let service = routes.map_request(|request: Request<Incoming>| request.map(axum::body::Body::new));
        let http = if scarce { &self.hasty } else { &self.patient };
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).with_upgrades();
        let mut connection = pin!(connection);
        let whole = async {
            tokio::select! {
                ended = connection.as_mut() => ended,
                _ = end.changed() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        };
        let ended = tokio::select! {
            ended = whole => ended,
            () = place.is_cut() => Ok(()),
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection was lost");
        }
    }
}

/// Serves until it is told to stop, and then until every request under way is answered.
pub async fn serve(listener: TcpListener, router: Router, places: Places, security: Security, stop: impl Future<Output = ()>) {
    let limits = places.limits();
    let (patient, hasty) = (speaking(limits.head_within), speaking(limits.head_within_when_scarce));
    // Once: without a state it would be made anew for every request.
    let served = Arc::new(Served { router: router.with_state::<()>(()), security, limits, patient, hasty });
    // Each connection listens to it, so it is closed when the last one has ended.
    let (ending, end) = watch::channel(());
    let accepting = async {
        // The place comes first: what waits to be accepted costs this process no open file.
        while let Some(place) = places.take().await {
            let (stream, address) = accept(&listener).await;
            let (served, scarce, end) = (served.clone(), places.scarce(), end.clone());
            tokio::spawn(async move { served.connection(stream, address, place, scarce, end).await });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stop => {}
    }
    drop((listener, end));
    places.leave();
    ending.send_replace(());
    ending.closed().await;
}

fn speaking(head_within: Duration) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_within);
    http
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                if let Err(error) = prepare(&stream) {
                    tracing::debug!(%error, "a connection without its options");
                }
                return (stream, address);
            }
            Err(error) if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let probes = TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_EVERY).with_retries(PROBES);
    SockRef::from(stream).set_tcp_keepalive(&probes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context, Result, ensure};
    use axum::routing::get;
    use http::StatusCode;
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    const SILENCE: Duration = Duration::from_millis(300);
    const SOON: Duration = Duration::from_secs(10);
    const ASK: &[u8] = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

    struct Served {
        address: SocketAddr,
        places: Places,
        stop: oneshot::Sender<()>,
        server: JoinHandle<()>,
    }

    async fn served(connections: usize, router: Router) -> Result<Served> {
        served_within(Limits { connections, head_within: SILENCE, head_within_when_scarce: SILENCE }, router).await
    }

    async fn served_within(limits: Limits, router: Router) -> Result<Served> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let places = Places::new(limits);
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(serve(listener, router, places.clone(), Security::Plain, async move { drop(stopped.await) }));
        Ok(Served { address, places, stop, server })
    }

    fn plain() -> Router {
        Router::new().route("/x", get(async || "here"))
    }

    async fn ask(stream: &mut TcpStream) -> Result<String> {
        stream.write_all(ASK).await?;
        let mut answer = vec![0; 1_024];
        let length = timeout(SOON, stream.read(&mut answer)).await.context("no answer")??;
        Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
    }

    /// Waits until the other side closes.
    async fn closed(stream: &mut TcpStream) -> Result<()> {
        let mut rest = Vec::new();
        drop(timeout(SOON, stream.read_to_end(&mut rest)).await.context("it stays open")?);
        Ok(())
    }

    #[tokio::test]
    async fn who_is_silent_gives_the_place_to_another() -> Result<()> {
        let node = served(3, plain()).await?;
        let mut silent = Vec::new();
        for head in [&b""[..], b"GET /x HT", b"GET /x HTTP/1.1\r\nHost: a\r\n", b"\r\n"] {
            let mut stream = TcpStream::connect(node.address).await?;
            stream.write_all(head).await?;
            silent.push(stream);
        }
        let mut newcomer = TcpStream::connect(node.address).await?;
        ensure!(ask(&mut newcomer).await?.ends_with("here"));
        for stream in &mut silent {
            closed(stream).await?;
        }
        closed(&mut newcomer).await.context("a connection that asks nothing more")?;
        ensure!(node.places.most() == 3);
        Ok(())
    }

    #[tokio::test]
    async fn a_crowd_of_the_silent_is_not_waited_for() -> Result<()> {
        let limits = Limits { connections: 8, head_within: SOON * 10, head_within_when_scarce: SILENCE / 10 };
        let node = served_within(limits, plain()).await?;
        let mut patient = TcpStream::connect(node.address).await?;
        let mut silent = Vec::new();
        for _ in 0..40 {
            silent.push(TcpStream::connect(node.address).await?);
        }
        let mut newcomer = TcpStream::connect(node.address).await?;
        ensure!(ask(&mut newcomer).await?.ends_with("here"));
        ensure!(ask(&mut patient).await.context("who came while there was room keeps its time")?.ends_with("here"));
        Ok(())
    }

    #[tokio::test]
    async fn no_more_are_accepted_than_there_are_places() -> Result<()> {
        let (hold, held) = tokio::sync::watch::channel(false);
        let waits = get(async move || {
            let mut held = held.clone();
            drop(held.wait_for(|held| *held).await);
            "here"
        });
        let node = served(2, Router::new().route("/x", waits)).await?;
        let mut asking = Vec::new();
        for _ in 0..5 {
            let mut stream = TcpStream::connect(node.address).await?;
            stream.write_all(ASK).await?;
            asking.push(stream);
        }
        // Longer than a head may take: who waits for an answer is not silent.
        tokio::time::sleep(SILENCE * 2).await;
        ensure!(node.places.taken() == 2, "{}", node.places.taken());
        hold.send(true)?;
        for mut stream in asking {
            let mut answer = vec![0; 12];
            timeout(SOON, stream.read_exact(&mut answer)).await.context("one was never served")??;
            ensure!(answer == b"HTTP/1.1 200", "{}", String::from_utf8_lossy(&answer));
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_connection_that_left_http_keeps_its_place() -> Result<()> {
        let (release, released) = oneshot::channel::<()>();
        let released = Arc::new(std::sync::Mutex::new(Some(released)));
        let upgrade = get(async move |Extension(place): Extension<Place>, mut request: axum::extract::Request| {
            let upgrading = hyper::upgrade::on(&mut request);
            let released = released.lock().ok().and_then(|mut released| released.take());
            tokio::spawn(async move {
                let socket = upgrading.await;
                if let Some(released) = released {
                    drop(released.await);
                }
                drop((socket, place));
            });
            (StatusCode::SWITCHING_PROTOCOLS, [("connection", "upgrade"), ("upgrade", "x")])
        });
        let node = served(2, Router::new().route("/x", upgrade)).await?;
        let mut stream = TcpStream::connect(node.address).await?;
        stream.write_all(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").await?;
        let mut answer = vec![0; 1_024];
        ensure!(stream.read(&mut answer).await? > 0);
        tokio::time::sleep(SILENCE * 2).await;
        // One is for who is accepted next.
        ensure!(node.places.taken() == 2, "{}", node.places.taken());
        release.send(()).ok();
        closed(&mut stream).await?;
        while node.places.taken() > 1 {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    #[tokio::test]
    async fn what_is_under_way_is_answered_before_the_end() -> Result<()> {
        let (begun, mut begins) = tokio::sync::mpsc::channel::<()>(1);
        let slow = get(async move || {
            begun.send(()).await.ok();
            tokio::time::sleep(SILENCE).await;
            "here"
        });
        let node = served(8, Router::new().route("/x", slow)).await?;
        let mut stream = TcpStream::connect(node.address).await?;
        stream.write_all(ASK).await?;
        begins.recv().await.context("the request does not begin")?;
        node.stop.send(()).ok();
        let mut answer = String::new();
        timeout(SOON, stream.read_to_string(&mut answer)).await.context("no answer")??;
        ensure!(answer.ends_with("here"), "{answer}");
        timeout(SOON, node.server).await.context("it does not end")??;
        ensure!(TcpStream::connect(node.address).await.is_err(), "it still listens");
        Ok(())
    }
}
