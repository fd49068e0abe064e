//! The cluster that is measured: three nodes, three brokers, and their directory.

use crate::api::{get, number, until};
use crate::beats::{self, Broker};
use crate::options::{Brokers, Setup, new_directory};
use crate::process::{Process, free_address};
use crate::wire::{self, Authority};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::path::PathBuf;
use tokio::task::{AbortHandle, JoinSet};

const NODES: std::ops::RangeInclusive<u64> = 1..=3;
const BROKERS: [(u32, &str); 3] = [(101, "a"), (102, "b"), (103, "c")];

struct Node {
    address: String,
    process: Process,
}

/// Who leads, and since which term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leadership {
    pub leader: u64,
    pub term: u64,
}

pub struct Cluster {
    nodes: BTreeMap<u64, Node>,
    storages: Vec<Process>,
    beating: JoinSet<()>,
    beats: BTreeMap<u32, AbortHandle>,
    program: PathBuf,
    authority: Option<Authority>,
    pub brokers: Brokers,
    dir: PathBuf,
}

fn strings<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).into()
}

impl Cluster {
    /// Everything but the processes.
    pub fn prepare(setup: &Setup, usually: Brokers) -> Result<Self> {
        let dir = new_directory(&setup.data_dir)?;
        let addresses = NODES.map(|id| Ok((id, free_address()?.to_string()))).collect::<Result<BTreeMap<_, _>>>()?;
        let peers = addresses.iter().map(|(id, address)| format!("{id}={address}")).collect::<Vec<_>>().join(",");
        let authority = setup.tls.then(|| Authority::new(&setup.quorate, &setup.data_dir)).transpose()?;
        for id in NODES {
            if let Some(authority) = &authority {
                authority.equip("controller", id, &dir.join(format!("node-{id}")).display().to_string())?;
            }
        }
        let node = |(id, address): (u64, String)| {
            let data = dir.join(format!("node-{id}")).display().to_string();
            let mut words = strings(["serve", "--node-id", &id.to_string(), "--listen", &address, "--peers", &peers, "--data-dir", &data]);
            words.extend(setup.serve_flags.iter().cloned());
            // Nobody signs in to be measured.
            words.extend(setup.tls.then(|| "--insecure".to_owned()));
            let process = Process::new(setup.quorate.clone(), words, dir.join(format!("node-{id}.log")));
            (id, Node { address, process })
        };
        Ok(Cluster {
            nodes: addresses.into_iter().map(node).collect(),
            storages: Vec::new(),
            beating: JoinSet::new(),
            beats: BTreeMap::new(),
            program: setup.quorate.clone(),
            authority,
            // Over TLS a broker shows its certificate.
            brokers: if setup.tls { Brokers::Services } else { setup.brokers.unwrap_or(usually) },
            dir,
        })
    }

    /// Starts everything, and waits until all nodes are ready and all brokers online.
    pub async fn start(setup: &Setup, usually: Brokers) -> Result<Self> {
        let mut cluster = Cluster::prepare(setup, usually)?;
        cluster.start_nodes()?;
        cluster.ready().await?;
        cluster.add_brokers().await?;
        Ok(cluster)
    }

    /// Starts the nodes that do not run.
    pub fn start_nodes(&mut self) -> Result<()> {
        self.nodes.values_mut().try_for_each(|node| node.process.start())
    }

    pub async fn add_brokers(&mut self) -> Result<()> {
        match self.brokers {
            Brokers::Services => self.start_services()?,
            Brokers::Heartbeats => self.start_beating().await?,
        }
        until("three brokers are online", async || {
            self.storages.iter_mut().try_for_each(Process::check)?;
            for node in self.nodes.values() {
                let cluster = get(&node.address, "/api/v1/cluster").await?;
                ensure!(cluster["brokers"]["online"] == BROKERS.len(), "{}", cluster["brokers"]);
            }
            Ok(())
        })
        .await
    }

    fn start_services(&mut self) -> Result<()> {
        let controllers = self.nodes.values().map(|node| format!("{}://{}", wire::scheme(), node.address)).collect::<Vec<_>>().join(",");
        for (id, rack) in BROKERS {
            let data = self.dir.join(format!("broker-{id}")).display().to_string();
            if let Some(authority) = &self.authority {
                authority.equip("broker", id.into(), &data)?;
            }
            let (id, listen) = (id.to_string(), free_address()?.to_string());
            let words = ["storage", "--id", &id, "--controllers", &controllers, "--listen", &listen, "--data-dir", &data, "--rack", rack];
            let mut process = Process::new(self.program.clone(), strings(words), self.dir.join(format!("broker-{id}.log")));
            process.start()?;
            self.storages.push(process);
        }
        Ok(())
    }

    async fn start_beating(&mut self) -> Result<()> {
        let leader = self.address(self.leadership().await?.leader)?;
        for (id, rack) in BROKERS {
            let broker = Broker::register(&leader, id, rack).await?;
            broker.unfence(&leader).await?;
            let beats = self.beating.spawn(beats::keep_alive(self.addresses(), broker));
            self.beats.insert(id, beats);
        }
        Ok(())
    }

    /// Nothing more is heard of a broker: its process is killed, or its heartbeats end.
    pub fn silence(&mut self, id: u32) -> Result<()> {
        if let Some(beats) = self.beats.remove(&id) {
            beats.abort();
            return Ok(());
        }
        let at = BROKERS.iter().position(|(broker, _)| *broker == id);
        let process = at.and_then(|at| self.storages.get_mut(at)).with_context(|| format!("there is no broker {id}"))?;
        process.kill()
    }

    fn node(&self, id: u64) -> Result<&Node> {
        self.nodes.get(&id).with_context(|| format!("there is no node {id}"))
    }

    pub fn address(&self, id: u64) -> Result<String> {
        Ok(self.node(id)?.address.clone())
    }

    pub fn addresses(&self) -> Vec<String> {
        self.nodes.values().map(|node| node.address.clone()).collect()
    }

    pub fn ids(&self) -> Vec<u64> {
        self.nodes.keys().copied().collect()
    }

    pub fn pid(&self, id: u64) -> Result<u32> {
        self.node(id)?.process.pid()
    }

    /// SIGKILL to a node.
    pub fn strike(&self, id: u64) -> Result<()> {
        self.node(id)?.process.strike()
    }

    /// SIGKILL to all nodes, with nothing between one and the next.
    pub fn kill_all(&mut self) -> Result<()> {
        self.nodes.values().try_for_each(|node| node.process.strike())?;
        self.nodes.values_mut().try_for_each(|node| node.process.kill())
    }

    /// Starts a node again that was struck.
    pub fn revive(&mut self, id: u64) -> Result<()> {
        let node = self.nodes.get_mut(&id).with_context(|| format!("there is no node {id}"))?;
        node.process.kill()?;
        node.process.start()
    }

    /// Waits until every node has caught up with a leader, and all know the same one.
    pub async fn ready(&mut self) -> Result<Leadership> {
        until("every node is ready", async || {
            self.nodes.values_mut().try_for_each(|node| node.process.check())?;
            for node in self.nodes.values() {
                get(&node.address, "/readyz").await?;
            }
            self.agreed().await
        })
        .await
    }

    /// Waits until the nodes agree on who leads.
    pub async fn leadership(&self) -> Result<Leadership> {
        until("the nodes agree on a leader", async || self.agreed().await).await
    }

    async fn agreed(&self) -> Result<Leadership> {
        let mut seen = None;
        for node in self.nodes.values() {
            let cluster = get(&node.address, "/api/v1/cluster").await?;
            let now = Leadership { leader: number(&cluster, "leader_id")?, term: number(&cluster, "term")? };
            ensure!(seen.is_none_or(|seen| seen == now), "{seen:?} and {now:?}");
            seen = Some(now);
        }
        seen.context("there is no node")
    }

    /// The leader's address, and those of the others with their ids.
    pub async fn roles(&self) -> Result<(String, Vec<(u64, String)>)> {
        let leader = self.leadership().await?.leader;
        let followers = self.nodes.iter().filter(|(id, _)| **id != leader).map(|(id, node)| (*id, node.address.clone()));
        Ok((self.address(leader)?, followers.collect()))
    }

    /// Waits until every node has applied the same.
    pub async fn level(&self) -> Result<()> {
        until("the nodes are level", async || {
            let mut seen = None;
            for node in self.nodes.values() {
                let digest = get(&node.address, "/api/v1/state/digest").await?;
                ensure!(seen.as_ref().is_none_or(|seen| *seen == digest), "{seen:?} and {digest}");
                seen = Some(digest);
            }
            Ok(())
        })
        .await
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.beating.abort_all();
        // Services first: they would only complain about the nodes' end.
        self.storages.clear();
        self.nodes.clear();
        // What is still to be written of this cluster is not to be paid for by the next one.
        nix::unistd::sync();
    }
}
