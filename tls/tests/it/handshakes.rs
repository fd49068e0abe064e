//! Two processes meet.

use crate::world::{World, broker, controller, on_loopback, write_key};
use anyhow::{Context, Result, ensure};
use rustls::pki_types::ServerName;
use std::fs;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tls::issue::{Authority, LEAF_HOLDS};
use tls::{Certificates, ClientConfig, Expected, Secured, WEB, WEB_KEY};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const SOON: Duration = Duration::from_secs(20);

/// Both ends of a fresh connection.
async fn wire() -> Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let near = TcpStream::connect(listener.local_addr()?).await?;
    Ok((near, listener.accept().await?.0))
}

/// A controller calls another.
async fn raft(caller: &Certificates, called: &Certificates) -> Result<(io::Result<Secured>, io::Result<Secured>)> {
    let (near, far) = wire().await?;
    let meeting = async { tokio::join!(caller.dial_controller("127.0.0.1", near), called.accept(far, true)) };
    tokio::time::timeout(SOON, meeting).await.context("they do not come to an end")
}

/// A program speaks HTTP, or something else, to a process.
async fn http(config: ClientConfig, name: &str, called: &Certificates) -> Result<(io::Result<TlsStream<TcpStream>>, io::Result<Secured>)> {
    let (near, far) = wire().await?;
    let connector = TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from(name.to_owned())?;
    let calling = async {
        let mut stream = connector.connect(name, near).await?;
        // In TLS 1.3 the client is done first: what the other end thinks of its certificate comes with the first bytes.
        stream.write_all(b"?").await?;
        stream.read_u8().await?;
        Ok(stream)
    };
    let accepting = async {
        let mut stream = called.accept(far, true).await?;
        stream.write_all(b"!").await?;
        Ok(stream)
    };
    let meeting = async { tokio::join!(calling, accepting) };
    tokio::time::timeout(SOON, meeting).await.context("they do not come to an end")
}

fn anyone(world: &World) -> Result<ClientConfig> {
    let path = world.dir("anyone")?.join("ca.crt");
    fs::write(&path, world.authority.certificate())?;
    Ok(tls::trusting(Some(&path))?)
}

#[tokio::test]
async fn controllers_know_each_other() -> Result<()> {
    let world = World::new()?;
    let (one, two) = (world.process(controller(1))?, world.process(controller(2))?);
    let (called, answered) = raft(&one, &two).await?;
    let (mut called, mut answered) = (called?, answered?);
    ensure!(called.identity() == Some(controller(2)) && answered.identity() == Some(controller(1)));
    ensure!(called.speaks_raft() && answered.speaks_raft());
    called.write_all(b"hello").await?;
    let mut heard = [0; 5];
    answered.read_exact(&mut heard).await?;
    ensure!(&heard == b"hello");
    Ok(())
}

#[tokio::test]
async fn who_is_no_controller_of_this_cluster_speaks_no_raft() -> Result<()> {
    let (world, foreign) = (World::new()?, World::new()?);
    let one = world.process(controller(1))?;
    for (stranger, why) in [(foreign.process(controller(2))?, "a foreign authority"), (world.process(broker(101))?, "a broker")] {
        ensure!(raft(&stranger, &one).await?.1.is_err(), "{why} spoke Raft");
        ensure!(raft(&one, &stranger).await?.0.is_err(), "{why} answered");
    }
    // Without any certificate.
    let mut config = anyone(&world)?;
    config.alpn_protocols = vec![tls::RAFT.to_vec()];
    let (called, answered) = http(config, "127.0.0.1", &one).await?;
    ensure!(called.is_err() && answered.is_err());
    // A host that the certificate is not for.
    let (near, far) = wire().await?;
    let (called, _) = tokio::join!(one.dial_controller("127.0.0.2", near), one.accept(far, true));
    ensure!(called.is_err_and(|error| error.to_string().contains("not valid for name")));
    Ok(())
}

#[tokio::test]
async fn http_is_for_everybody_and_says_who_calls() -> Result<()> {
    let world = World::new()?;
    let (node, service) = (world.process(controller(1))?, world.process(broker(101))?);
    let foreign = World::new()?.process(broker(101))?;
    for (config, who) in [(anyone(&world)?, None), (service.client(Expected::Controller)?, Some(broker(101)))] {
        let (called, answered) = http(config, "127.0.0.1", &node).await?;
        ensure!(called.is_ok() && answered?.identity() == who, "{who:?}");
    }
    // What is shown and not trusted is refused, and not passed over.
    ensure!(http(foreign.client(Expected::Controller)?, "127.0.0.1", &node).await?.1.is_err());
    for (expected, answers) in [
        (Expected::Broker(metadata::BrokerId(101)), true),
        (Expected::AnyBroker, true),
        (Expected::Broker(metadata::BrokerId(102)), false),
        (Expected::Controller, false),
    ] {
        let (called, _) = http(node.client(expected)?, "127.0.0.1", &service).await?;
        ensure!(called.is_ok() == answers, "{expected}: {called:?}");
        let why = called.err().map(|error| error.to_string()).unwrap_or_default();
        ensure!(answers || why.contains("quorate://broker/101"), "{expected}: {why}");
    }
    Ok(())
}

#[tokio::test]
async fn no_other_protocol_is_spoken() -> Result<()> {
    let world = World::new()?;
    let node = world.process(controller(1))?;
    for (offered, spoken) in
        [(vec![], true), (vec!["http/1.1"], true), (vec!["h2", "http/1.1"], true), (vec!["h2"], false), (vec!["quorate-raft/2"], false)]
    {
        let mut config = anyone(&world)?;
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let (called, answered) = http(config, "127.0.0.1", &node).await?;
        ensure!(called.is_ok() == spoken && answered.is_ok() == spoken, "{offered:?}: {called:?}");
    }
    Ok(())
}

/// A hello of TLS 1.0 or 1.1 (RFC 4346, section 7.4.1.2), and the alert that answers it.
#[tokio::test]
async fn old_versions_are_refused() -> Result<()> {
    let world = World::new()?;
    let node = world.process(controller(1))?;
    for version in [1, 2] {
        let mut hello = vec![3, version];
        hello.extend([7; 32]);
        // No session, one cipher suite (ECDHE-ECDSA-AES128-SHA), no compression; P-256 and SHA-256 with ECDSA as extensions.
        hello.extend([0, 0, 2, 0xc0, 0x09, 1, 0, 0, 22, 0, 10, 0, 4, 0, 2, 0, 23, 0, 13, 0, 4, 0, 2, 4, 3, 0, 11, 0, 2, 1, 0]);
        let length = u8::try_from(hello.len())?;
        let record = [&[0x16, 3, 1, 0, length + 4, 1, 0, 0, length][..], &hello].concat();
        let (mut near, far) = wire().await?;
        let accepting = node.accept(far, true);
        let calling = async {
            near.write_all(&record).await?;
            let mut answer = Vec::new();
            near.read_to_end(&mut answer).await?;
            Ok::<_, io::Error>(answer)
        };
        let (accepted, answer) = tokio::time::timeout(SOON, async { tokio::join!(accepting, calling) }).await?;
        let answer = answer?;
        // Alert, fatal, protocol_version.
        ensure!(accepted.is_err() && answer.first() == Some(&21) && answer.ends_with(&[2, 70]), "1.{}: {answer:?}", version - 1);
    }
    Ok(())
}

#[tokio::test]
async fn nothing_outlives_a_certificate() -> Result<()> {
    let world = World::new()?;
    let lasting = world.process(controller(1))?;
    let brief = world.process_for(controller(2), Duration::from_secs(3))?;
    let (called, answered) = raft(&lasting, &brief).await?;
    let (called_back, answered_back) = raft(&brief, &lasting).await?;
    // Kept: an end that is dropped would end the other.
    let (_near, _far) = (answered?, called_back?);
    for mut stream in [called?, answered_back?] {
        let ended = tokio::time::timeout(SOON, stream.read_u8()).await.context("it outlives the certificate")?;
        ensure!(ended.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionAborted));
    }
    // It holds to the end of its last second.
    let expires = async {
        loop {
            let (called, _) = raft(&lasting, &brief).await?;
            let (_, answered) = raft(&brief, &lasting).await?;
            if let (Err(called), Err(answered)) = (called, answered) {
                break Ok::<_, anyhow::Error>((called.to_string(), answered.to_string()));
            }
        }
    };
    let (called, answered) = tokio::time::timeout(SOON, expires).await.context("an expired certificate is taken")??;
    ensure!(called.contains("xpired") && answered.contains("xpired"), "{called} {answered}");
    Ok(())
}

#[tokio::test]
async fn a_session_is_never_resumed() -> Result<()> {
    let world = World::new()?;
    let node = world.process(controller(1))?;
    // A client that would resume if it were given anything to resume with.
    let mut willing = anyone(&world)?;
    willing.resumption = rustls::client::Resumption::in_memory_sessions(8);
    for _ in 0..3 {
        let (called, _) = http(willing.clone(), "127.0.0.1", &node).await?;
        ensure!(called?.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Full));
    }
    Ok(())
}

#[tokio::test]
async fn browsers_are_shown_their_own_certificate_by_name() -> Result<()> {
    let world = World::new()?;
    let dir = world.dir("web")?;
    world.equip(&dir, &on_loopback(Some(controller(1))))?;
    let public = Authority::new("Public")?;
    let leaf = tls::issue::Leaf { identity: None, hosts: vec!["*.public.example".to_owned()], holds: LEAF_HOLDS };
    let web = public.issue(&leaf)?;
    write_key(&dir.join(WEB_KEY), &web.key)?;
    fs::write(dir.join(WEB), &web.certificate)?;
    let node = Certificates::read(&dir, controller(1))?;
    let path = dir.join("public.crt");
    fs::write(&path, public.certificate())?;
    let (called, _) = http(tls::trusting(Some(&path))?, "quorate.public.example", &node).await?;
    ensure!(called.is_ok(), "{called:?}");
    let (called, _) = http(anyone(&world)?, "node.example", &node).await?;
    ensure!(called.is_ok(), "{called:?}");
    Ok(())
}
