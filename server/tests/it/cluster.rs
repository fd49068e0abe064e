//! A cluster of its own for one test: controllers and storage services as child processes in a temporary directory.

mod steering;

use crate::api::{Answer, Api};
use crate::process::{Process, address};
use crate::small_disk::SmallDisk;
use crate::wait::until;
use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::LazyLock;
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Clusters that live at once: more would only make each other late.
static TURNS: LazyLock<Semaphore> = LazyLock::new(|| {
    let asked = std::env::var("QUORATE_TEST_CLUSTERS").ok().and_then(|count| count.parse().ok());
    Semaphore::new(asked.unwrap_or(2))
});

struct Controller {
    process: Process,
    api: Api,
}

struct StorageService {
    process: Process,
    data_dir: PathBuf,
}

/// Who leads, and since which term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leadership {
    pub leader: u64,
    pub term: u64,
}

/// What every node of a cluster may have; no limit where it is none.
#[derive(Clone, Copy, Default)]
pub struct Limits {
    pub disk_bytes: Option<u64>,
    /// Of the disk that its backup is on.
    pub backup_bytes: Option<u64>,
    pub open_files: Option<u64>,
}

/// A running cluster. Unless it [`Cluster::passed`], its logs are shown when it is dropped.
pub struct Cluster {
    controllers: BTreeMap<u64, Controller>,
    storages: BTreeMap<u32, StorageService>,
    passed: bool,
    // Dropped after the processes above.
    dir: TempDir,
    _turn: SemaphorePermit<'static>,
}

fn strings(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|argument| (*argument).to_owned()).collect()
}

impl Cluster {
    /// Starts so many controllers with these further flags, and waits until all are ready.
    pub async fn start(count: u64, flags: &[&str]) -> Result<Self> {
        Self::start_within(count, flags, Limits::default()).await
    }

    /// The same within limits.
    pub async fn start_within(count: u64, flags: &[&str], limits: Limits) -> Result<Self> {
        let turn = TURNS.acquire().await?;
        let dir = tempfile::Builder::new().prefix("quorate-it-").tempdir()?;
        let addresses = (1..=count).map(|id| Ok((id, address()?.to_string()))).collect::<Result<BTreeMap<_, _>>>()?;
        let peers = addresses.iter().map(|(id, host)| format!("{id}={host}")).collect::<Vec<_>>().join(",");
        let mut cluster = Cluster { controllers: BTreeMap::new(), storages: BTreeMap::new(), passed: false, dir, _turn: turn };
        for (id, host) in addresses {
            let data_dir = cluster.data_dir(id).display().to_string();
            let mut arguments = strings(&[
                "serve",
                "--node-id",
                &id.to_string(),
                "--listen",
                &host,
                "--peers",
                &peers,
                "--data-dir",
                &data_dir,
                "--stop-with-stdin",
            ]);
            arguments.extend(strings(flags));
            let disk = limits.disk_bytes.map(|bytes| SmallDisk { mount: cluster.data_dir(id), bytes });
            let backup_disk = limits.backup_bytes.map(|bytes| SmallDisk { mount: cluster.backup_disk(id), bytes });
            if let Some(disk) = &backup_disk {
                let file = disk.mount.join("backup.sqlite");
                arguments.extend(strings(&["--database-url", &format!("sqlite://{}?mode=rwc", file.display())]));
            }
            let process = Process::new(format!("node-{id}"), cluster.dir.path().join(format!("node-{id}.log")), arguments);
            let process = process.on(disk.or(backup_disk)).with_open_files(limits.open_files);
            cluster.controllers.insert(id, Controller { process, api: Api::new(id, host)? });
            cluster.controller(id)?.process.start()?;
        }
        cluster.ready().await?;
        cluster.api(1)?.learn_description().await?;
        Ok(cluster)
    }

    fn controller(&mut self, id: u64) -> Result<&mut Controller> {
        self.controllers.get_mut(&id).with_context(|| format!("there is no node {id}"))
    }

    fn storage(&mut self, id: u32) -> Result<&mut StorageService> {
        self.storages.get_mut(&id).with_context(|| format!("there is no storage service {id}"))
    }

    /// A node's data directory.
    pub fn data_dir(&self, id: u64) -> PathBuf {
        self.dir.path().join(format!("node-{id}"))
    }

    /// Every node's id.
    pub fn ids(&self) -> Vec<u64> {
        self.controllers.keys().copied().collect()
    }

    /// A node's API.
    pub fn api(&self, id: u64) -> Result<Api> {
        self.controllers.get(&id).map(|controller| controller.api.clone()).with_context(|| format!("there is no node {id}"))
    }

    /// The APIs of all nodes, whether they live or not.
    pub fn every_api(&self) -> Vec<Api> {
        self.controllers.values().map(|controller| controller.api.clone()).collect()
    }

    /// The APIs of the nodes that run and answer.
    pub fn apis(&self) -> Vec<Api> {
        self.controllers.values().filter(|controller| controller.process.live()).map(|controller| controller.api.clone()).collect()
    }

    /// Waits until every live node is ready.
    pub async fn ready(&mut self) -> Result<()> {
        let ended = until("every node is ready", async || {
            for controller in self.controllers.values_mut().filter(|controller| controller.process.running()) {
                // A node that ended does not come back by being waited for.
                if let Some(status) = controller.process.ended()? {
                    return Ok(Some(format!("{} ended with {status}", controller.process.name)));
                }
            }
            for api in self.apis() {
                api.at(reqwest::Method::GET, "/readyz").ok().await?;
            }
            Ok(None)
        })
        .await?;
        ended.map_or(Ok(()), |ended| bail!(ended))
    }

    /// Waits until the live nodes agree on who leads.
    pub async fn leadership(&self) -> Result<Leadership> {
        until("the nodes agree on a leader", async || {
            let mut seen = None;
            for api in self.apis() {
                let body = api.get("/cluster").ok().await?.body;
                let leader = body["leader_id"].as_u64().context("no leader is known")?;
                let now = Leadership { leader, term: body["term"].as_u64().context("there is no term")? };
                ensure!(self.controllers.get(&leader).is_some_and(|leader| leader.process.live()), "node {leader} leads, and is gone");
                ensure!(seen.is_none_or(|seen| seen == now), "{seen:?} and {now:?}");
                seen = Some(now);
            }
            seen.context("no node lives")
        })
        .await
    }

    /// The leader's id.
    pub async fn leader(&self) -> Result<u64> {
        Ok(self.leadership().await?.leader)
    }

    /// The ids of the live nodes that do not lead.
    pub async fn followers(&self) -> Result<Vec<u64>> {
        let leader = self.leader().await?;
        Ok(self.apis().iter().map(|api| api.node).filter(|id| *id != leader).collect())
    }

    pub fn kill(&mut self, id: u64) -> Result<()> {
        self.controller(id)?.process.kill()
    }

    /// Kills these nodes, with nothing between one and the next.
    pub fn kill_all(&mut self) -> Result<()> {
        let running = self.controllers.values().filter(|controller| controller.process.running());
        for controller in running {
            controller.process.signal(Signal::SIGKILL)?;
        }
        self.controllers.values_mut().try_for_each(|controller| controller.process.kill())
    }

    /// The leader's API.
    pub async fn led(&self) -> Result<Api> {
        self.api(self.leader().await?)
    }

    /// The leader is killed, another one leads, and it comes back.
    pub async fn change_leader(&mut self) -> Result<()> {
        let leader = self.leader().await?;
        self.kill(leader)?;
        self.leader().await?;
        self.start_again(leader)?;
        self.ready().await
    }

    /// Starts a node again as it was.
    pub fn start_again(&mut self, id: u64) -> Result<()> {
        let controller = self.controller(id)?;
        controller.api.forget();
        controller.process.start()
    }

    /// Starts a node that is expected to refuse, and waits until it has ended.
    pub async fn ends_by_itself(&mut self, id: u64) -> Result<ExitStatus> {
        let process = &mut self.controller(id)?.process;
        process.start()?;
        process.wait().await
    }

    /// Starts an empty node that waits to be put in the place of another; its URL.
    pub async fn join(&mut self, id: u64) -> Result<String> {
        let host = address()?.to_string();
        let data_dir = self.data_dir(id).display().to_string();
        let mut arguments = strings(&["serve", "--node-id", &id.to_string(), "--listen", &host, "--data-dir", &data_dir]);
        arguments.extend(strings(&["--join", "--stop-with-stdin"]));
        arguments.extend(strings(crate::fake::LONG_SESSION));
        let mut process = Process::new(format!("node-{id}"), self.dir.path().join(format!("node-{id}.log")), arguments);
        process.start()?;
        let api = Api::new(id, host.clone())?;
        until("the empty node answers", async || {
            let alive = reqwest::get(format!("http://{}/healthz", api.host)).await?;
            ensure!(alive.status().is_success(), "{}", alive.status());
            Ok(())
        })
        .await?;
        self.controllers.insert(id, Controller { process, api });
        Ok(format!("http://{host}"))
    }

    /// A node that is no member any more.
    pub fn forget(&mut self, id: u64) {
        self.controllers.remove(&id);
    }

    /// Ends a test in which nodes were made to refuse.
    pub fn ended_as_expected(mut self) {
        self.passed = true;
    }

    /// Asks a node to stop, and waits until it has.
    pub async fn stop(&mut self, id: u64) -> Result<ExitStatus> {
        self.stop_by(id, Signal::SIGTERM).await
    }

    /// The same by this signal.
    pub async fn stop_by(&mut self, id: u64, signal: Signal) -> Result<ExitStatus> {
        let process = &mut self.controller(id)?.process;
        process.signal(signal)?;
        process.wait().await
    }

    /// What a node has logged.
    pub fn log(&self, id: u64) -> String {
        self.controllers.get(&id).map(|controller| controller.process.log()).unwrap_or_default()
    }

    pub fn pause(&mut self, id: u64) -> Result<()> {
        self.controller(id)?.process.pause()
    }

    pub fn resume(&mut self, id: u64) -> Result<()> {
        self.controller(id)?.process.resume()
    }

    /// Starts a storage service and waits until it is online.
    pub async fn add_storage(&mut self, id: u32, rack: &str) -> Result<()> {
        let controllers = self.every_api().iter().map(|api| format!("http://{}", api.host)).collect::<Vec<_>>().join(",");
        let data_dir = self.dir.path().join(format!("broker-{id}"));
        let listen = address()?.to_string();
        let arguments = strings(&[
            "storage",
            "--id",
            &id.to_string(),
            "--controllers",
            &controllers,
            "--listen",
            &listen,
            "--data-dir",
            &data_dir.display().to_string(),
            "--rack",
            rack,
            "--stop-with-stdin",
        ]);
        let process = Process::new(format!("broker-{id}"), self.dir.path().join(format!("broker-{id}.log")), arguments);
        self.storages.insert(id, StorageService { process, data_dir });
        self.start_storage(id)?;
        self.broker_is(id, "online").await.map(|_| ())
    }

    pub fn start_storage(&mut self, id: u32) -> Result<()> {
        self.storage(id)?.process.start()
    }

    pub fn kill_storage(&mut self, id: u32) -> Result<()> {
        self.storage(id)?.process.kill()
    }

    /// Asks a storage service to stop, and waits until it has.
    pub async fn stop_storage(&mut self, id: u32) -> Result<ExitStatus> {
        let process = &mut self.storage(id)?.process;
        process.signal(Signal::SIGTERM)?;
        process.wait().await
    }

    /// The directories that a storage service has for a topic's replicas.
    pub fn replicas(&self, id: u32, topic_id: &str) -> Result<Vec<String>> {
        let storage = self.storages.get(&id).with_context(|| format!("there is no storage service {id}"))?;
        let names = fs::read_dir(storage.data_dir.join("replicas"))?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let names = names.collect::<Result<Vec<_>>>()?;
        Ok(names.into_iter().filter(|name| name.starts_with(topic_id)).collect())
    }

    pub fn storage_log(&self, id: u32) -> String {
        self.storages.get(&id).map(|storage| storage.process.log()).unwrap_or_default()
    }

    /// Waits until the leader says that a broker is in this state; its answer.
    pub async fn broker_is(&self, id: u32, state: &str) -> Result<Answer> {
        until(&format!("broker {id} is {state}"), async || {
            let answer = self.api(self.leader().await?)?.get(&format!("/brokers/{id}")).ok().await?;
            ensure!(answer.body["broker"]["state"] == state, "it is {}", answer.body["broker"]);
            Ok(answer)
        })
        .await
    }

    /// Waits until every live node has the same digest at the same index, which is returned.
    pub async fn agree(&self) -> Result<u64> {
        until("the nodes agree", async || {
            let mut seen = None;
            for api in self.apis() {
                let body = api.get("/state/digest").ok().await?.body;
                let now = (body["revision"].as_u64().context("there is no revision")?, body["digest"].clone());
                if let Some((revision, digest)) = &seen {
                    ensure!(*revision == now.0, "one node is at {revision}, another at {}", now.0);
                    // Not a matter of waiting: but what else commits may hide which index it was.
                    ensure!(*digest == now.1, "at {revision} one node's digest is {digest}, another's {}", now.1);
                }
                seen = Some(now);
            }
            seen.map(|(revision, _)| revision).context("no node lives")
        })
        .await
    }

    /// Ends a test that passed, if the nodes agree and none has panicked.
    pub async fn passed(mut self) -> Result<()> {
        self.agree().await?;
        let processes = self.controllers.values().map(|each| &each.process).chain(self.storages.values().map(|each| &each.process));
        for process in processes {
            if let Some(line) = process.log().lines().find(|line| line.contains("panicked at")) {
                bail!("{} panicked: {line}", process.name);
            }
        }
        self.passed = true;
        Ok(())
    }

    /// A file or directory of this cluster, for messages.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Services first: they would only complain about the controllers' end.
        self.storages.values_mut().for_each(|storage| drop(storage.process.kill()));
        self.controllers.values_mut().for_each(|controller| drop(controller.process.kill()));
        if self.passed {
            return;
        }
        self.controllers.values().for_each(|controller| controller.process.show_log());
        self.storages.values().for_each(|storage| storage.process.show_log());
        if std::env::var_os("QUORATE_TEST_KEEP").is_some() {
            self.dir.disable_cleanup(true);
            eprintln!("kept: {}", self.path().display());
        }
    }
}
