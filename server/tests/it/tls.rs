//! Over TLS: who may say what, how a cluster goes over to it, and how its certificates change under load.

use crate::api::Api;
use crate::cluster::Cluster;
use crate::fake;
use crate::load::{Load, Outcome, kept};
use crate::process::command;
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use metadata::BrokerId;
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::json;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tls::{Certificates, Expected, Identity};

const PAUSE: Duration = Duration::from_millis(60);
const SOME: usize = 10;

fn cert(arguments: &[&str]) -> Result<String> {
    let done = command()?.arg("cert").args(arguments).output()?;
    ensure!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(String::from_utf8(done.stdout)?)
}

/// An authority, and the directories of those that it vouches for.
pub struct Vouched {
    dir: TempDir,
    authority: PathBuf,
}

impl Vouched {
    pub fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let authority = dir.path().join("authority");
        cert(&["ca", "--dir", &authority.display().to_string()])?;
        Ok(Vouched { dir, authority })
    }

    fn ca(&self) -> PathBuf {
        self.authority.join(tls::CA)
    }

    fn of(&self, identity: Identity) -> PathBuf {
        self.dir.path().join(identity.to_string().replace(['/', ':'], "-"))
    }

    /// Makes the certificate of a process, or makes it anew.
    fn equip(&self, identity: Identity) -> Result<String> {
        let (kind, id) = match identity {
            Identity::Controller(id) => ("controller", id.to_string()),
            Identity::Broker(BrokerId(id)) => ("broker", id.to_string()),
        };
        let (authority, dir) = (self.authority.display().to_string(), self.of(identity).display().to_string());
        cert(&[kind, "--id", &id, "--host", "127.0.0.1", "--ca", &authority, "--dir", &dir])?;
        Ok(dir)
    }

    /// How this process speaks to controllers.
    pub fn caller(&self, identity: Identity) -> Result<tls::ClientConfig> {
        self.equip(identity)?;
        Ok(Certificates::read(&self.of(identity), identity)?.client(Expected::Controller)?)
    }
}

/// Controllers that speak nothing but TLS, and are open all the same.
pub async fn secured(vouched: &Vouched, count: u64) -> Result<Cluster> {
    let mut cluster = Cluster::start(count, fake::LONG_SESSION).await?;
    cluster.trusts(&vouched.ca())?;
    for id in cluster.ids() {
        cluster.set_flag(id, "--tls-dir", &vouched.equip(Identity::Controller(id))?)?;
        cluster.set_flag(id, "--insecure", "true")?;
        cluster.stop(id).await?;
    }
    for id in cluster.ids() {
        cluster.start_again(id)?;
        cluster.api(id)?.speaks_tls(true);
    }
    cluster.ready().await?;
    Ok(cluster)
}

/// Who asks, the id that is asked for, and the refusal, if there is one.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_speaks_for_itself_and_nobody_else_does() -> Result<()> {
    let vouched = Vouched::new()?;
    let cluster = secured(&vouched, 1).await?;
    let nobody = cluster.api(1)?;
    let (broker, controller) = (Identity::Broker(BrokerId(101)), Identity::Controller(2));
    let as_broker = nobody.clone().with_tls(vouched.caller(broker)?)?;
    let as_controller = nobody.clone().with_tls(vouched.caller(controller)?)?;
    let unknown = Some((401, "UNAUTHENTICATED"));
    let another = Some((403, "FORBIDDEN"));
    for (api, id, refusal) in [(&nobody, 101, unknown), (&as_controller, 101, another), (&as_broker, 102, another), (&as_broker, 101, None)]
    {
        let beat = json!({ "broker_epoch": 1, "metadata_index": 0, "want_fence": false, "want_shut_down": false });
        let isr = json!({ "broker_epoch": 1, "changes": [] });
        let calls = [
            ("/brokers".to_owned(), fake::registration(id, "a")),
            (format!("/brokers/{id}/heartbeat"), beat),
            (format!("/brokers/{id}/isr"), isr),
        ];
        for (path, body) in calls {
            let answer = api.post(&path, body).send().await?;
            match refusal {
                Some((status, code)) => ensure!(answer.status == status && answer.code() == code, "{path}: {answer:?}"),
                None => ensure!(!matches!(answer.status, 401 | 403), "{path}: {answer:?}"),
            }
        }
    }
    // What everybody may see is there for everybody.
    for api in [&nobody, &as_broker, &as_controller] {
        api.get("/cluster").ok().await?;
    }
    cluster.passed().await
}

/// A certificate that is revoked counts no more: not for a broker's calls, and not for a controller's Raft.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_certificate_counts_no_more() -> Result<()> {
    let vouched = Vouched::new()?;
    let cluster = secured(&vouched, 3).await?;
    let anybody = cluster.led().await?;
    let broker = anybody.clone().with_tls(vouched.caller(Identity::Broker(BrokerId(101)))?)?;
    broker.post("/brokers", fake::registration(101, "a")).ok().await?;
    let (leader, follower) = (cluster.leader().await?, cluster.followers().await?[0]);
    for identity in [Identity::Broker(BrokerId(101)), Identity::Controller(follower)] {
        let file = vouched.of(identity).join(tls::NODE).display().to_string();
        let (server, ca) = (format!("https://{}", cluster.api(leader)?.host), vouched.ca().display().to_string());
        let done = command()?.args(["accounts", "revoke-certificate", &file, "--server", &server, "--ca", &ca]).output()?;
        ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    broker.post("/brokers", fake::registration(101, "a")).refused(401, "UNAUTHENTICATED").await?;
    // The others hear nothing of it any more, over connections that were open as well.
    until("the controller is out of reach", async || {
        let quorum = cluster.api(leader)?.get("/cluster").ok().await?.body;
        ensure!(quorum["quorum"]["reachable"] == 2, "{}", quorum["quorum"]);
        Ok(())
    })
    .await?;
    until("it knows of no leader that it hears", async || {
        ensure!(cluster.api(follower)?.at(Method::GET, "/readyz").send().await?.status == 503, "it is ready");
        Ok(())
    })
    .await?;
    cluster.ended_as_expected();
    Ok(())
}

/// Nothing but TLS: no plain call, no Raft by an upgrade; and a page's origin has to be of TLS as well.
#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_other_way_in() -> Result<()> {
    let vouched = Vouched::new()?;
    let cluster = secured(&vouched, 1).await?;
    let api = cluster.api(1)?;
    let mut plain = TcpStream::connect(&api.host)?;
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")?;
    let mut answer = String::new();
    plain.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("This port speaks TLS"), "{answer}");
    let upgrade = api.at(Method::GET, "/raft/v1").header("connection", "upgrade").header("upgrade", "quorate-raft");
    ensure!(upgrade.send().await?.status == 426);
    for (scheme, allowed) in [("https", true), ("http", false)] {
        let origin = format!("{scheme}://{}", api.host);
        let answer = api.post("/topics?dry_run=true", json!({ "name": "a" })).header("origin", &origin).send().await?;
        ensure!((answer.code() != "FORBIDDEN_ORIGIN") == allowed, "{origin}: {answer:?}");
    }
    let (server, ca) = (format!("https://{}", api.host), vouched.ca().display().to_string());
    let asked = command()?.args(["quorum", "--server", &server, "--ca", &ca]).output()?;
    ensure!(asked.status.success() && String::from_utf8_lossy(&asked.stdout).contains("https://"), "{asked:?}");
    let unknown = command()?.args(["quorum", "--server", &server]).output()?;
    ensure!(unknown.status.code() == Some(3) && String::from_utf8_lossy(&unknown.stderr).contains("UnknownIssuer"), "{unknown:?}");
    cluster.passed().await
}

async fn restarted(cluster: &mut Cluster, id: u64, mode: &str, vouched: &Vouched) -> Result<()> {
    cluster.set_flag(id, "--tls-dir", &vouched.of(Identity::Controller(id)).display().to_string())?;
    cluster.set_flag(id, "--tls", mode)?;
    // Nobody has an account here, and with TLS alone nobody would be answered before somebody has.
    cluster.set_flag(id, "--insecure", "true")?;
    cluster.stop(id).await?;
    cluster.start_again(id)?;
    cluster.api(id)?.speaks_tls(mode == "require");
    cluster.ready().await
}

async fn storage_restarted(cluster: &mut Cluster, id: u32, mode: &str, vouched: &Vouched) -> Result<()> {
    let controllers = cluster.every_api().iter().map(|api| format!("https://{}", api.host)).collect::<Vec<_>>().join(",");
    cluster.set_storage_flag(id, "--controllers", &controllers)?;
    cluster.set_storage_flag(id, "--tls-dir", &vouched.of(Identity::Broker(BrokerId(id))).display().to_string())?;
    cluster.set_storage_flag(id, "--tls", mode)?;
    cluster.stop_storage(id).await?;
    cluster.start_storage(id)?;
    cluster.broker_is(id, "online").await?;
    until("every partition is whole", async || {
        let body = cluster.led().await?.get("/cluster").ok().await?.body;
        ensure!(body["health"]["under_replicated"] == 0, "{}", body["health"]);
        Ok(())
    })
    .await
}

/// docs/security.md, "From plain to TLS": process by process, while topics are made. Each creation has an answer that says what became
/// of it, but for those at the node that was just stopped; the majority is there all the time.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_goes_over_to_tls_process_by_process() -> Result<()> {
    let vouched = Vouched::new()?;
    let mut cluster = Cluster::start(3, &["--broker-session-timeout-ms", "20000"]).await?;
    cluster.trusts(&vouched.ca())?;
    // One more than a topic needs: one at a time is away.
    let brokers = [(101, "a"), (102, "b"), (103, "c"), (104, "a")];
    for (id, rack) in brokers {
        vouched.equip(Identity::Broker(BrokerId(id)))?;
        cluster.add_storage(id, rack).await?;
    }
    for id in cluster.ids() {
        vouched.equip(Identity::Controller(id))?;
    }
    let load = Load::paced("over", &cluster.apis(), 100_000, 4, PAUSE);
    for mode in ["allow", "require"] {
        if mode == "require" {
            for step in ["allow", "require"] {
                for (id, _) in brokers {
                    storage_restarted(&mut cluster, id, step, &vouched).await?;
                }
            }
        }
        for id in cluster.ids() {
            load.acknowledged(load.count() + SOME).await?;
            restarted(&mut cluster, id, mode, &vouched).await?;
        }
    }
    load.acknowledged(load.count() + SOME).await?;
    let outcomes = load.end(true).await?;
    let acknowledged = outcomes.values().filter(|outcome| matches!(outcome, Outcome::Acknowledged(_))).count();
    ensure!(acknowledged * 10 >= outcomes.len() * 7, "{acknowledged} of {} creations were acknowledged", outcomes.len());
    kept(&cluster, &outcomes).await?;
    // The addresses say it too, those of the controllers and those that are pushed to.
    until("every address is one of TLS", async || {
        let state = cluster.led().await?.get("/state").ok().await?.body;
        let controllers = state["controllers"].as_array().context("no controllers")?.iter().map(|node| node["url"].as_str());
        let brokers = state["brokers"].as_array().context("no brokers")?.iter().map(|broker| broker["push_url"].as_str());
        let plain: Vec<_> = controllers.chain(brokers).filter(|url| !url.is_some_and(|url| url.starts_with("https://"))).collect();
        ensure!(plain.is_empty(), "{plain:?}");
        Ok(())
    })
    .await?;
    cluster.passed().await
}

/// Calls without a pause on connections that are kept, and how many were not answered.
struct Calls {
    stop: Arc<AtomicBool>,
    made: Arc<AtomicUsize>,
    callers: Vec<tokio::task::JoinHandle<Result<()>>>,
}

impl Calls {
    fn begin(cluster: &Cluster) -> Self {
        let (stop, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let apis = cluster.apis().into_iter().flat_map(|api| [api.clone(), api]).enumerate();
        let callers = apis.map(|(at, api)| {
            let (stop, made) = (stop.clone(), made.clone());
            tokio::spawn(async move {
                let mut turn = 0;
                while !stop.load(Ordering::SeqCst) {
                    turn += 1;
                    match at % 2 {
                        0 => api.get("/cluster?consistency=linearizable").ok().await?,
                        _ => api.post("/topics", json!({ "name": format!("call-{at}-{turn}"), "replication_factor": 1 })).ok().await?,
                    };
                    made.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Ok(())
            })
        });
        let callers = callers.collect();
        Calls { stop, made, callers }
    }

    /// Waits until some more are answered.
    async fn go_on(&self) -> Result<()> {
        let enough = self.made.load(Ordering::SeqCst) + 6 * SOME;
        until("the calls go on", async || {
            ensure!(self.callers.iter().all(|caller| !caller.is_finished()), "one was not answered");
            ensure!(self.made.load(Ordering::SeqCst) >= enough, "not yet");
            Ok(())
        })
        .await
    }

    async fn end(self) -> Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        for caller in self.callers {
            caller.await?.context("a call was lost")?;
        }
        Ok(())
    }
}

/// Waits until a node says this of its certificates.
async fn says(api: &Api, line: &str) -> Result<()> {
    until(line, async || {
        let answer = api.at(Method::GET, "/metrics").send().await?;
        let text = String::from_utf8_lossy(&answer.bytes);
        ensure!(
            text.lines().any(|found| found == line),
            "{}",
            text.lines().filter(|line| line.contains("tls_")).collect::<Vec<_>>().join("; ")
        );
        Ok(())
    })
    .await
}

fn write_ca(dir: &Path, authorities: &[&Vouched]) -> Result<()> {
    let pems = authorities.iter().map(|each| Ok(fs::read_to_string(each.ca())?)).collect::<Result<Vec<_>>>()?;
    Ok(fs::write(dir.join(tls::CA), pems.concat())?)
}

/// docs/security.md, "Another authority": both are trusted, then the new one signs, then the old one is trusted no more. No call is lost.
#[tokio::test(flavor = "multi_thread")]
async fn certificates_and_their_authority_change_under_load() -> Result<()> {
    let (old, new) = (Vouched::new()?, Vouched::new()?);
    let mut cluster = secured(&old, 3).await?;
    let both = old.dir.path().join("both.crt");
    fs::write(&both, [fs::read(old.ca())?, fs::read(new.ca())?].concat())?;
    cluster.trusts(&both)?;
    let broker = cluster.led().await?.with_tls(old.caller(Identity::Broker(BrokerId(101)))?)?;
    let registered = broker.post("/brokers", fake::registration(101, "a")).ok().await?.body;
    fake::beat(&broker, 101, registered["broker_epoch"].as_u64().context("no epoch")?).await?;
    let calls = Calls::begin(&cluster);
    calls.go_on().await?;
    for (step, reloads) in ["trusted", "signing", "alone"].into_iter().zip(1..) {
        for id in cluster.ids() {
            let dir = old.of(Identity::Controller(id));
            match step {
                "trusted" => write_ca(&dir, &[&old, &new])?,
                // By the command, where the process looks: it takes no authority away.
                "signing" => {
                    let (authority, live) = (new.authority.display().to_string(), dir.display().to_string());
                    cert(&["controller", "--id", &id.to_string(), "--host", "127.0.0.1", "--ca", &authority, "--dir", &live])?;
                }
                _ => write_ca(&dir, &[&new])?,
            }
            cluster.signal(id, Signal::SIGHUP)?;
            says(&cluster.api(id)?, &format!("quorate_tls_reloads_total {reloads}")).await?;
        }
        calls.go_on().await?;
    }
    // Files that cannot be used leave what is in use, and that is said.
    let dir = old.of(Identity::Controller(1));
    let key = fs::read(dir.join(tls::NODE_KEY))?;
    fs::write(dir.join(tls::NODE_KEY), "")?;
    cluster.signal(1, Signal::SIGHUP)?;
    says(&cluster.api(1)?, "quorate_tls_reload_failing 1").await?;
    calls.go_on().await?;
    fs::write(dir.join(tls::NODE_KEY), key)?;
    cluster.signal(1, Signal::SIGHUP)?;
    says(&cluster.api(1)?, "quorate_tls_reload_failing 0").await?;
    calls.end().await?;
    // With the old authority's certificate nobody comes in any more; a node that starts with the new one does.
    let late = cluster.api(1)?.with_tls(old.caller(Identity::Broker(BrokerId(102)))?)?;
    ensure!(late.post("/brokers", fake::registration(102, "b")).send().await.is_err(), "the old authority is still trusted");
    cluster.change_leader().await?;
    cluster.passed().await
}
