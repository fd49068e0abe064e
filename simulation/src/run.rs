//! One run: a seed's cluster, its users and its faults, stepped by the millisecond, and judged all along and at the end.

use crate::actors::broker::Broker;
use crate::actors::door::Door;
use crate::actors::fleet::Fleet;
use crate::actors::members::{Operator, Orders};
use crate::actors::people::{self, Person};
use crate::faults::{Faults, Kind, Targets};
use crate::judge::calls::Calls;
use crate::judge::record::Record;
use crate::judge::settled::settled;
use crate::world::chance::Lot;
use crate::world::machine::{self, Machine};
use crate::world::network::Network;
use crate::world::time::Time;
use anyhow::{Context, Result, bail};
use metadata::{BrokerId, NodeId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;
use tokio::runtime::Runtime;

/// When faults begin, in ms of the run.
const CALM_AT_FIRST: u64 = 3_000;
/// How long everything may take to come to rest, in ms.
const REST_WITHIN: u64 = 180_000;
/// Between two looks whether it has, in ms.
const LOOK_EVERY: u64 = 250;
const PEOPLE: u64 = 4;
const RACKS: [&str; 3] = ["a", "b", "c"];

/// What a run came to.
#[derive(Default, Serialize, Deserialize)]
pub struct Outcome {
    pub commits: usize,
    pub writes: usize,
    pub reads: usize,
    pub terms: usize,
    pub faults: BTreeMap<String, usize>,
    /// Commits by what was asked.
    pub kinds: BTreeMap<String, usize>,
    /// How long it took to come to rest, in ms.
    pub rest_ms: u64,
    /// The same for the same seed.
    pub trace: u64,
}

impl Outcome {
    /// Adds what another run came to. Their traces are each one's own.
    pub fn add(&mut self, other: Outcome) {
        self.commits += other.commits;
        self.writes += other.writes;
        self.reads += other.reads;
        self.terms += other.terms;
        self.rest_ms = self.rest_ms.max(other.rest_ms);
        other.faults.into_iter().for_each(|(kind, times)| *self.faults.entry(kind).or_default() += times);
        other.kinds.into_iter().for_each(|(kind, times)| *self.kinds.entry(kind).or_default() += times);
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome { commits, writes, reads, terms, rest_ms, .. } = self;
        let listed =
            |counts: &BTreeMap<String, usize>| counts.iter().map(|(what, times)| format!("{what} {times}")).collect::<Vec<_>>().join(", ");
        writeln!(f, "{commits} commits, {writes} writes answered, {reads} reads, {terms} leaders, at rest after at most {rest_ms} ms")?;
        write!(f, "faults: {}\ncommits: {}", listed(&self.faults), listed(&self.kinds))
    }
}

/// One run.
struct Run {
    time: Time,
    seed: u64,
    network: Network,
    machines: BTreeMap<NodeId, Machine>,
    lost: BTreeSet<NodeId>,
    outside: Runtime,
    door: Door,
    fleet: Fleet,
    brokers: Vec<BrokerId>,
    orders: Orders,
    faults: Faults,
    record: Record,
}

/// Runs a seed with faults for so many ms, and then until it has come to rest.
///
/// # Errors
/// What it did that it may not do.
pub fn run(seed: u64, trouble_ms: u64) -> Result<Outcome> {
    controller::draw_from(seed);
    let mut run = Run::new(seed, trouble_ms)?;
    let began = run.trouble(trouble_ms)?;
    run.rest(began)?;
    let calls = &run.door.calls;
    calls.judge(&run.record, !run.faults.has(Kind::Twice) && !run.faults.has(Kind::WallClock))?;
    let (writes, reads) = calls.counts();
    let mut kinds = BTreeMap::new();
    run.record.commits().for_each(|commit| *kinds.entry(commit.kind().to_owned()).or_default() += 1);
    Ok(Outcome {
        kinds,
        commits: run.record.commits().count(),
        writes,
        reads,
        terms: run.record.terms(),
        faults: run.faults.counts,
        rest_ms: run.time.now() - began,
        trace: run.record.trace(),
    })
}

impl Run {
    fn new(seed: u64, trouble_ms: u64) -> Result<Self> {
        let lot = |name: &str| Lot::new(seed, name);
        let (time, shape) = (Time::default(), lot("shape"));
        let network = Network::new(time.clone(), lot("network"));
        let nodes: Vec<NodeId> = (1..=if shape.one_in(3) { 5 } else { 3 }).collect();
        let brokers: Vec<BrokerId> = (101..=100 + shape.between(3..=6) as u32).map(BrokerId).collect();
        let faults = Faults::new(lot("faults"), CALM_AT_FIRST);
        if faults.has(Kind::Twice) {
            network.tape();
        }
        let outside = machine::runtime(&lot("outside"))?;
        let door = Door::new(lot("door"), Calls::default());
        let (fleet, orders) = (Fleet::new(&brokers), Orders::default());
        let mut run = Run {
            time,
            seed,
            network,
            machines: BTreeMap::new(),
            lost: BTreeSet::new(),
            outside,
            door,
            fleet,
            brokers,
            orders,
            faults,
            record: Record::default(),
        };
        nodes.iter().for_each(|id| run.adds(*id, &nodes, false));
        run.people(trouble_ms, shape.one_in(2).then_some(nodes.len() as NodeId + 1));
        Ok(run)
    }

    fn adds(&mut self, id: NodeId, peers: &[NodeId], join: bool) {
        let lot = Lot::new(self.seed, &format!("machine {id}"));
        self.machines.insert(id, Machine::new(id, peers, join, self.network.clone(), self.time.clone(), lot));
    }

    /// Starts everybody outside; with `next`, the first id of further controllers, somebody changes the membership.
    fn people(&self, until: u64, next: Option<NodeId>) {
        let named = |name: String| self.door.drawing(Lot::new(self.seed, &name));
        for (at, id) in self.brokers.iter().enumerate() {
            let broker = Broker {
                id: *id,
                rack: RACKS[at % RACKS.len()].to_owned(),
                door: named(format!("broker {id}")),
                fleet: self.fleet.clone(),
                time: self.time.clone(),
            };
            self.outside.spawn(broker.run());
        }
        for number in 1..=PEOPLE {
            let person = Person { number, door: named(format!("person {number}")), time: self.time.clone(), until };
            self.outside.spawn(person.run());
        }
        if let Some(next) = next {
            let (door, time) = (named("operator".to_owned()), self.time.clone());
            self.outside.spawn(Operator { door, orders: self.orders.clone(), time, until, next }.run());
        }
    }

    /// Everything goes on, and wrong, until `until`.
    fn trouble(&mut self, until: u64) -> Result<u64> {
        while self.time.now() < until {
            let now = self.time.now();
            let Run { machines, network, fleet, brokers, faults, .. } = self;
            faults.step(now, &mut Targets { machines, network, fleet, brokers });
            self.step()?;
        }
        Ok(self.time.now())
    }

    /// Nothing disturbs any more, and everything comes to rest.
    fn rest(&mut self, began: u64) -> Result<()> {
        let Run { machines, network, fleet, brokers, faults, .. } = self;
        faults.end(&mut Targets { machines, network, fleet, brokers });
        self.outside.spawn(people::tidy(self.door.drawing(Lot::new(self.seed, "tidy"))));
        loop {
            self.step()?;
            if !self.time.now().is_multiple_of(LOOK_EVERY) {
                continue;
            }
            match settled(&self.machines, &self.record, &self.brokers) {
                Ok(()) => return Ok(()),
                Err(wrong) if self.time.now() > began + REST_WITHIN => {
                    return Err(wrong.context(format!("{REST_WITHIN} ms after the last fault it has not come to rest")));
                }
                Err(_) => {}
            }
        }
    }

    /// One ms passes.
    fn step(&mut self) -> Result<()> {
        let now = self.time.now() + 1;
        self.time.set(now);
        self.follow_orders();
        self.network.step(|id| self.machines.get(&id)?.controller());
        for machine in self.machines.values_mut() {
            if !machine.runs() && machine.down_until <= now && !self.lost.contains(&machine.id) {
                machine.boot()?;
            }
            if let Err(error) = machine.step() {
                // A full disk, or peers that will have none of it: it is started again, as by its supervisor.
                let passes = error.to_string().contains("no space is left") || matches!(error, controller::StartError::Refused(_));
                if !passes {
                    bail!("at {now} ms node {} does not start: {error}", machine.id);
                }
                machine.kill(false);
                machine.down_until = now + 500;
            }
            self.record.watch(machine, now).with_context(|| format!("at {now} ms"))?;
        }
        let open = self.machines.values().filter(|machine| machine.answers());
        self.door.opens(open.filter_map(|machine| Some((machine.id, machine.controller()?.clone()))).collect());
        self.outside.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
        self.door.calls.check()
    }

    fn follow_orders(&mut self) {
        let wanted = self.orders.take();
        for id in wanted.lose {
            if let Some(mut machine) = self.machines.remove(&id) {
                machine.kill(false);
                self.lost.insert(id);
                self.record.forget(id);
            }
        }
        let peers: Vec<NodeId> = self.machines.keys().copied().collect();
        for id in wanted.start {
            self.adds(id, &peers, true);
        }
    }
}
