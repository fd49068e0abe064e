//! The SQL backup in PostgreSQL: one database for all nodes, which only the leader writes, and which nobody waits for.

use crate::backup::{self, Backup};
use crate::cluster::Cluster;
use crate::fake;
use crate::feed::Feed;
use crate::load;
use crate::process::address;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use nix::sys::signal::{self, Signal};
use nix::unistd::{Pid, User, geteuid};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Where Debian and its like install the server.
const INSTALLED: &str = "/usr/lib/postgresql";

/// A server of its own in a temporary directory.
pub struct Postgres {
    programs: PathBuf,
    port: u16,
    child: Option<Child>,
    dir: TempDir,
}

fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir(INSTALLED).ok()?;
    versions.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).find(|bin| bin.join("initdb").is_file())
}

impl Postgres {
    /// None where PostgreSQL is not installed.
    pub fn new() -> Result<Option<Self>> {
        let Some(programs) = programs() else { return Ok(None) };
        let dir = tempfile::Builder::new().prefix("quorate-pg-").tempdir()?;
        let postgres = Postgres { programs, port: address()?.port(), child: None, dir };
        if let Some(user) = Self::user()? {
            std::os::unix::fs::chown(postgres.dir.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
        }
        let made = postgres.command("initdb")?.args(["--username=quorate", "--auth=trust", "--no-sync", "--encoding=UTF8"]).output()?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        Ok(Some(postgres))
    }

    /// Whom it runs as: root may not.
    fn user() -> Result<Option<User>> {
        match geteuid().is_root() {
            true => User::from_name("postgres")?.context("there is no user postgres").map(Some),
            false => Ok(None),
        }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn command(&self, program: &str) -> Result<Command> {
        // It ends with the test, however that ends.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL"])
            .arg(self.programs.join(program))
            .arg("-D")
            .arg(self.data())
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if let Some(user) = Self::user()? {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        Ok(command)
    }

    pub fn start(&mut self) -> Result<()> {
        let directory: &Path = self.dir.path();
        let mut command = self.command("postgres")?;
        command.args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-k"]).arg(directory);
        let log = File::options().create(true).append(true).open(directory.join("log"))?;
        self.child = Some(command.stderr(log).spawn()?);
        Ok(())
    }

    /// At once, as when its machine goes.
    pub fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        signal::kill(Pid::from_raw(child.id() as i32), Signal::SIGQUIT)?;
        child.wait()?;
        Ok(())
    }

    /// From its next start on this user has to know its password; everybody else is believed.
    pub fn asks_for_password(&self, user: &str) -> Result<()> {
        let (rules, file) = (format!("host all {user} 127.0.0.1/32 scram-sha-256\n"), self.data().join("pg_hba.conf"));
        Ok(std::fs::write(&file, rules + &std::fs::read_to_string(&file)?)?)
    }

    /// Runs statements as the superuser.
    pub async fn run(&self, sql: &str) -> Result<()> {
        let mut connection = PgConnection::connect(&self.url()).await?;
        for one in sql.split(';').filter(|one| !one.trim().is_empty()) {
            connection.execute(AssertSqlSafe(one.to_owned())).await?;
        }
        Ok(connection.close().await?)
    }

    /// The number that a query comes to.
    pub async fn number(&self, sql: &str) -> Result<i64> {
        let mut connection = PgConnection::connect(&self.url()).await?;
        let (number,): (i64,) = sqlx::query_as(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(number)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("postgres://quorate@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("PostgreSQL was not stopped: {error:#}");
        }
    }
}

/// Waits until the database has everything that the cluster has, and the same.
pub async fn caught_up(cluster: &Cluster, url: &str, names: &[&str]) -> Result<Backup> {
    let newest = cluster.agree().await?;
    until("the database has everything", async || {
        let now = cluster.leadership().await?;
        let backup = backup::read_url(url).await?;
        ensure!(backup.watermark >= newest, "it goes up to {}, not yet to {newest}", backup.watermark);
        ensure!(backup.term == now.term, "it was written in term {}, and {now:?}", backup.term);
        let made = load::all_topics(&cluster.api(now.leader)?).await?;
        ensure!(backup.topics == made && names.iter().all(|name| made.contains_key(*name)), "{:?} instead of {made:?}", backup.topics);
        ensure!(backup.partitions.len() == made.len() && backup.brokers.len() == 3, "{backup:?}");
        Ok(backup)
    })
    .await
}

/// Waits until a reader of the feed is told how the backup does.
async fn shown(cluster: &Cluster, state: &str) -> Result<()> {
    until(&format!("the backup is shown as {state}"), async || {
        let api = cluster.api(cluster.followers().await?[0])?;
        let mut feed = Feed::open(&api, "").await?;
        let pulse = feed.next_of("pulse").await?;
        ensure!(!pulse["backup"][state].is_null(), "it is shown as {}", pulse["backup"]);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_in_postgres() -> Result<()> {
    let Some(mut postgres) = Postgres::new()? else {
        writeln!(std::io::stderr(), "backup_in_postgres is skipped: PostgreSQL is not installed")?;
        return Ok(());
    };
    postgres.start()?;
    let url = postgres.url();
    let mut cluster = Cluster::start(3, &[fake::LONG_SESSION, &["--database-url", &url]].concat()).await?;
    fake::online(&cluster, fake::THREE).await?;
    load::made(&cluster.api(1)?, "before").await?;
    caught_up(&cluster, &url, &["before"]).await?;

    // Without the database everything goes on, and everybody is told.
    postgres.stop()?;
    load::made(&cluster.api(2)?, "meanwhile").await?;
    shown(&cluster, "failing").await?;
    postgres.start()?;
    caught_up(&cluster, &url, &["before", "meanwhile"]).await?;
    shown(&cluster, "following").await?;

    // A new leader goes on where the old one was.
    let leader = cluster.leader().await?;
    cluster.kill(leader)?;
    let next = cluster.leader().await?;
    load::made(&cluster.api(next)?, "after").await?;
    until("a topic is deleted", async || cluster.api(cluster.leader().await?)?.delete("/topics/before").ok().await).await?;
    let backup = caught_up(&cluster, &url, &["meanwhile", "after"]).await?;
    let created = backup.history.values().filter(|(kind, _)| kind == "create_topics").count();
    ensure!(created == 3, "the history has {created} creations of 3");
    cluster.start_again(leader)?;
    cluster.ready().await?;
    cluster.passed().await
}
