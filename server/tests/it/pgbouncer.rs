//! The SQL backup through a real PgBouncer in transaction mode, and a database that is another cluster's.

use crate::backup;
use crate::cluster::Cluster;
use crate::fake;
use crate::feed::Feed;
use crate::load;
use crate::postgres::{Postgres, caught_up};
use crate::process::{address, clean};
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use nix::sys::signal::{self, Signal};
use nix::unistd::{Pid, User, geteuid};
use sqlx::{Connection, PgConnection};
use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// Between the cluster and the server: every transaction may come by another connection.
struct PgBouncer {
    child: Child,
    port: u16,
    _dir: TempDir,
}

impl PgBouncer {
    fn start(server: u16) -> Result<Self> {
        let (dir, port) = (tempfile::Builder::new().prefix("quorate-bouncer-").tempdir()?, address()?.port());
        let config = format!(
            "[databases]\n* = host=127.0.0.1 port={server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = transaction\ndefault_pool_size = 2\nserver_login_retry = 1\n"
        );
        // With `any` everybody is the user of the database's line.
        let config = config.replace(&format!("port={server}"), &format!("port={server} user=limited"));
        std::fs::write(dir.path().join("pgbouncer.ini"), config)?;
        let mut command = clean(Command::new("setpriv"));
        command
            .args(["--pdeathsig", "KILL", PROGRAM, "-q"])
            .arg(dir.path().join("pgbouncer.ini"))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if geteuid().is_root() {
            let user = User::from_name("postgres")?.context("there is no user postgres")?;
            std::os::unix::fs::chown(dir.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        let child = command.stderr(File::create(dir.path().join("log"))?).spawn().context("pgbouncer does not start")?;
        Ok(PgBouncer { child, port, _dir: dir })
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _stopped = signal::kill(Pid::from_raw(self.child.id() as i32), Signal::SIGKILL);
        let _ended = self.child.wait();
    }
}

/// What the node that leads says of its backup.
async fn said(cluster: &Cluster, words: &str) -> Result<()> {
    until(&format!("the backup says {words:?}"), async || {
        let mut feed = Feed::open(&cluster.api(cluster.leader().await?)?, "").await?;
        let backup = feed.next_of("pulse").await?["backup"].to_string();
        ensure!(backup.contains(words), "it says {backup}");
        Ok(())
    })
    .await
}

/// Statements one after the other, each a transaction of its own.
async fn sql(url: &str, statements: &[&'static str]) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    for statement in statements {
        sqlx::raw_sql(*statement).execute(&mut connection).await?;
    }
    Ok(connection.close().await?)
}

/// Sessions keep what they began with.
const NEW_SESSIONS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'limited'";

#[tokio::test(flavor = "multi_thread")]
async fn backup_through_pgbouncer() -> Result<()> {
    let Some(mut postgres) = Postgres::new()?.filter(|_| std::path::Path::new(PROGRAM).is_file()) else {
        writeln!(std::io::stderr(), "backup_through_pgbouncer is skipped: PostgreSQL or PgBouncer is not installed")?;
        return Ok(());
    };
    postgres.start()?;
    until("PostgreSQL answers", async || sql(&postgres.url(), &["CREATE ROLE limited LOGIN"]).await).await?;
    let bouncer = PgBouncer::start(postgres.port())?;
    let through = format!("postgres://quorate@127.0.0.1:{}/postgres?schema=quorate", bouncer.port);
    let direct = format!("{}?options=-c%20search_path%3Dquorate", postgres.url());
    let cluster = Cluster::start(3, &[fake::LONG_SESSION, &["--database-url", &through]].concat()).await?;
    fake::online(&cluster, fake::THREE).await?;
    let api = cluster.api(1)?;
    load::made(&api, "before").await?;
    // Its user may not make the schema, until it may.
    said(&cluster, "lacks a right").await?;
    sql(&postgres.url(), &["GRANT CREATE ON DATABASE postgres TO limited"]).await?;
    caught_up(&cluster, &direct, &["before"]).await?;

    // The server behind it goes and comes back.
    postgres.stop()?;
    load::made(&api, "meanwhile").await?;
    said(&cluster, "cannot be reached").await?;
    postgres.start()?;
    caught_up(&cluster, &direct, &["before", "meanwhile"]).await?;

    // It becomes read-only, and writable again.
    sql(&postgres.url(), &["ALTER ROLE limited SET default_transaction_read_only = on", NEW_SESSIONS]).await?;
    load::made(&api, "read.only").await?;
    said(&cluster, "read-only").await?;
    sql(&postgres.url(), &["ALTER ROLE limited RESET default_transaction_read_only", NEW_SESSIONS]).await?;
    caught_up(&cluster, &direct, &["before", "meanwhile", "read.only"]).await?;
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn other_clusters_backup_is_kept() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut postgres = Postgres::new()?;
    let mut urls = vec![format!("sqlite://{}?mode=rwc", dir.path().join("shared.sqlite").display())];
    match &mut postgres {
        Some(postgres) => {
            postgres.start()?;
            urls.push(postgres.url());
        }
        None => writeln!(std::io::stderr(), "other_clusters_backup_is_kept runs without PostgreSQL: it is not installed")?,
    }
    for url in urls {
        let first = Cluster::start(1, &[fake::LONG_SESSION, &["--database-url", &url]].concat()).await?;
        fake::online(&first, fake::THREE).await?;
        load::made(&first.api(1)?, "first").await?;
        let before = caught_up(&first, &url, &["first"]).await?;
        let second = Cluster::start(1, &[fake::LONG_SESSION, &["--database-url", &url]].concat()).await?;
        fake::online(&second, fake::THREE).await?;
        load::made(&second.api(1)?, "second").await?;
        said(&second, "holds the backup of another cluster").await?;
        let metrics = String::from_utf8(second.api(1)?.at(reqwest::Method::GET, "/metrics").ok().await?.bytes)?;
        ensure!(metrics.contains("quorate_backup_failing 1"), "{metrics}");
        let kept = backup::read_url(&url).await?;
        ensure!(
            kept.topics == before.topics && kept.history == before.history && kept.lineage == before.lineage,
            "{kept:?} after {before:?}"
        );
        let told = second.log(1).matches("holds the backup of another cluster").count();
        ensure!(told == 1, "the log was told {told} times");
        // The first one goes on.
        load::made(&first.api(1)?, "first.again").await?;
        caught_up(&first, &url, &["first", "first.again"]).await?;
        first.passed().await?;
        second.passed().await?;
    }
    Ok(())
}
