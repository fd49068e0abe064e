//! Databases that are gone, full, slow or cut off, or will not have the user any more: the cluster does not notice, everybody is told in
//! words, and the backup catches up by itself.

use crate::api::Api;
use crate::backup::read_url;
use crate::backup_whole::{followed, whole};
use crate::cluster::{Cluster, Limits};
use crate::fake;
use crate::feed::Feed;
use crate::load::{self, Load};
use crate::postgres::Postgres;
use crate::small_disk::SmallDisk;
use crate::wait::{Dice, until};
use anyhow::{Result, ensure};
use reqwest::Method;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PAUSE: Duration = Duration::from_millis(20);

/// Waits until page and metric say so, and in no words of SQL's.
async fn failing(cluster: &Cluster, words: &str) -> Result<()> {
    until(&format!("the backup says {words:?}"), async || {
        let api = cluster.led().await?;
        let mut feed = Feed::open(&api, "").await?;
        let backup = feed.next_of("pulse").await?["backup"].clone();
        let error = backup["failing"]["error"].as_str().unwrap_or_default().to_owned();
        ensure!(error.contains(words), "it says {backup}");
        let of_sql = ["FATAL", "role \"", "INSERT", "SELECT", "secret", "SQLITE", "password authentication"];
        ensure!(!of_sql.iter().any(|text| error.contains(text)), "it repeats what the database said: {error}");
        let metrics = api.at(Method::GET, "/metrics").stream().await?.text().await?;
        ensure!(metrics.lines().any(|line| line == "quorate_backup_failing 1"), "the metric does not say so");
        Ok(())
    })
    .await
}

/// The cluster goes on as if nothing was.
async fn unnoticed(api: &Api, load: &Load) -> Result<()> {
    load.acknowledged(load.count() + 60).await?;
    ensure!(api.get("/cluster").ok().await?.body["quorum"]["available"] == true);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn database_down() -> Result<()> {
    let Some(mut postgres) = Postgres::new()? else {
        writeln!(std::io::stderr(), "database_down is skipped: PostgreSQL is not installed")?;
        return Ok(());
    };
    postgres.asks_for_password("limited")?;
    postgres.start()?;
    until("PostgreSQL answers", async || postgres.number("SELECT 1::BIGINT").await).await?;
    postgres.run("CREATE ROLE limited LOGIN PASSWORD 'secret'; CREATE DATABASE kept OWNER limited").await?;
    let url = format!("postgres://limited:secret@127.0.0.1:{}/kept", postgres.port());
    let cluster = Cluster::start(3, &[fake::LONG_SESSION, &["--database-url", &url]].concat()).await?;
    fake::online(&cluster, fake::THREE).await?;
    let load = Load::paced("down", &cluster.apis(), usize::MAX, 2, PAUSE);
    load.acknowledged(40).await?;
    for _ in 0..2 {
        postgres.stop()?;
        failing(&cluster, "cannot be reached").await?;
        unnoticed(&cluster.led().await?, &load).await?;
        postgres.start()?;
        until("the backup goes on", async || {
            ensure!(read_url(&url).await?.watermark + 20 >= cluster.led().await?.get("/topics?limit=1").ok().await?.revision()?);
            Ok(())
        })
        .await?;
    }
    // A password that has expired, for connections that are made from now on.
    let end = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'limited'";
    postgres.run("ALTER ROLE limited VALID UNTIL '2000-01-01'").await?;
    postgres.number(end).await?;
    failing(&cluster, "whether the password has expired").await?;
    unnoticed(&cluster.led().await?, &load).await?;
    postgres.run("ALTER ROLE limited VALID UNTIL 'infinity'").await?;
    let outcomes = load.end(true).await?;
    load::settle(&cluster, &outcomes).await?;
    followed(&cluster, &url).await?;
    whole(&url, &cluster.led().await?)?;
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn database_full() -> Result<()> {
    if !SmallDisk::possible() {
        writeln!(std::io::stderr(), "database_full is skipped: this machine mounts no file system for its users")?;
        return Ok(());
    }
    let cluster = Cluster::start_within(1, fake::LONG_SESSION, Limits { backup_bytes: Some(8 << 20), ..Limits::default() }).await?;
    fake::online(&cluster, fake::THREE).await?;
    let load = Load::paced("full", &cluster.apis(), usize::MAX, 2, PAUSE);
    load.acknowledged(20).await?;
    let filler = cluster.fill_backup_disk(1)?;
    failing(&cluster, "no room left").await?;
    unnoticed(&cluster.led().await?, &load).await?;
    filler.remove()?;
    let outcomes = load.end(true).await?;
    load::settle(&cluster, &outcomes).await?;
    let file = cluster.backup_file(1)?.display().to_string();
    followed(&cluster, &format!("sqlite://{file}?mode=ro")).await?;
    whole(&file, &cluster.led().await?)?;
    cluster.passed().await
}

/// Between the nodes and the database: every piece takes its time, and while it is told to it cuts connections wherever they are just then.
struct Proxy {
    address: SocketAddr,
    cutting: Arc<AtomicBool>,
    /// Connections that were cut.
    cuts: Arc<AtomicU64>,
}

impl Proxy {
    async fn start(to: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (cutting, cuts) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let proxy = Proxy { address: listener.local_addr()?, cutting: cutting.clone(), cuts: cuts.clone() };
        let mut dice = Dice::new("database_slow");
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else { continue };
                let (cutting, cuts, mut dice) = (cutting.clone(), cuts.clone(), dice.fork());
                tokio::spawn(async move {
                    let ((client_in, client_out), (server_in, server_out)) = (client.into_split(), server.into_split());
                    // What was asked arrives, and its answer may not: a commit of which nobody knows.
                    let cut = async {
                        loop {
                            tokio::time::sleep(Duration::from_millis(150 + dice.below(400))).await;
                            if cutting.load(Ordering::SeqCst) {
                                cuts.fetch_add(1, Ordering::SeqCst);
                                return;
                            }
                        }
                    };
                    tokio::select! {
                        () = slowly(client_in, server_out) => {}
                        () = slowly(server_in, client_out) => {}
                        () = cut => {}
                    }
                });
            }
        });
        Ok(proxy)
    }
}

async fn slowly(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin) {
    let mut room = [0; 4_096];
    while let Ok(length @ 1..) = from.read(&mut room).await {
        tokio::time::sleep(Duration::from_millis(5)).await;
        if to.write_all(&room[..length]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn database_slow() -> Result<()> {
    let Some(mut postgres) = Postgres::new()? else {
        writeln!(std::io::stderr(), "database_slow is skipped: PostgreSQL is not installed")?;
        return Ok(());
    };
    postgres.start()?;
    until("PostgreSQL answers", async || postgres.number("SELECT 1::BIGINT").await).await?;
    let proxy = Proxy::start(postgres.port()).await?;
    let slow = format!("postgres://quorate@{}/postgres?sslmode=disable", proxy.address);
    let cluster = Cluster::start(3, &[fake::LONG_SESSION, &["--database-url", &slow]].concat()).await?;
    fake::online(&cluster, fake::THREE).await?;
    let load = Load::paced("slow", &cluster.apis(), usize::MAX, 2, PAUSE);
    load.acknowledged(40).await?;
    proxy.cutting.store(true, Ordering::SeqCst);
    until("connections were cut many times", async || {
        ensure!(proxy.cuts.load(Ordering::SeqCst) >= 8, "{} were", proxy.cuts.load(Ordering::SeqCst));
        Ok(())
    })
    .await?;
    unnoticed(&cluster.led().await?, &load).await?;
    proxy.cutting.store(false, Ordering::SeqCst);
    let outcomes = load.end(true).await?;
    load::settle(&cluster, &outcomes).await?;
    followed(&cluster, &postgres.url()).await?;
    whole(&postgres.url(), &cluster.led().await?)?;
    println!("{} connections were cut", proxy.cuts.load(Ordering::SeqCst));
    cluster.passed().await
}
