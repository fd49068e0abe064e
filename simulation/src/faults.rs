//! What goes wrong in a run: which kinds, and when. Each seed has some of the kinds, so that each is met alone and with others.

use crate::actors::fleet::Fleet;
use crate::world::chance::Lot;
use crate::world::machine::Machine;
use crate::world::network::Network;
use metadata::{BrokerId, NodeId};
use std::collections::BTreeMap;

const HOUR_MS: i64 = 3_600_000;

/// One kind of thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Kill,
    PowerCut,
    KillAll,
    Pause,
    CutOneWay,
    Isolate,
    Split,
    SlowLink,
    Reset,
    /// Bytes that were sent before come again.
    Twice,
    SlowDisk,
    FullDisk,
    WallClock,
    Drift,
    BrokerKill,
    BrokerPause,
    BrokerLeaves,
}

impl Kind {
    pub const ALL: [Kind; 17] = [
        Kind::Kill,
        Kind::PowerCut,
        Kind::KillAll,
        Kind::Pause,
        Kind::CutOneWay,
        Kind::Isolate,
        Kind::Split,
        Kind::SlowLink,
        Kind::Reset,
        Kind::Twice,
        Kind::SlowDisk,
        Kind::FullDisk,
        Kind::WallClock,
        Kind::Drift,
        Kind::BrokerKill,
        Kind::BrokerPause,
        Kind::BrokerLeaves,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Kill => "kill",
            Kind::PowerCut => "power cut",
            Kind::KillAll => "kill of all",
            Kind::Pause => "pause",
            Kind::CutOneWay => "link cut one way",
            Kind::Isolate => "node cut off",
            Kind::Split => "split",
            Kind::SlowLink => "slow link",
            Kind::Reset => "connections reset",
            Kind::Twice => "bytes twice",
            Kind::SlowDisk => "slow disk",
            Kind::FullDisk => "full disk",
            Kind::WallClock => "wrong clock",
            Kind::Drift => "drift",
            Kind::BrokerKill => "broker killed",
            Kind::BrokerPause => "broker paused",
            Kind::BrokerLeaves => "broker leaves",
        }
    }
}

/// The faults of one run.
pub struct Faults {
    lot: Lot,
    kinds: Vec<Kind>,
    next: u64,
    /// When links, and when disks, are mended.
    links_until: u64,
    disks_until: u64,
    /// How often each kind came.
    pub counts: BTreeMap<String, usize>,
}

/// What they strike.
pub struct Targets<'a> {
    pub machines: &'a mut BTreeMap<NodeId, Machine>,
    pub network: &'a Network,
    pub fleet: &'a Fleet,
    pub brokers: &'a [BrokerId],
}

impl Faults {
    /// `from`: when they begin, in ms of the run.
    pub fn new(lot: Lot, from: u64) -> Self {
        let kinds = Kind::ALL.into_iter().filter(|_| lot.one_in(2)).collect();
        Faults { lot, kinds, next: from, links_until: 0, disks_until: 0, counts: BTreeMap::new() }
    }

    pub fn has(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Whatever is due now.
    pub fn step(&mut self, now: u64, targets: &mut Targets<'_>) {
        if self.links_until != 0 && now >= self.links_until {
            targets.network.heal();
            self.links_until = 0;
        }
        if self.disks_until != 0 && now >= self.disks_until {
            mend_disks(targets.machines);
            self.disks_until = 0;
        }
        if now >= self.next {
            self.next = now + self.lot.between(100..=2_500);
            if let Some(kind) = self.lot.pick(&self.kinds) {
                tracing::debug!(at_ms = now, ?kind, "a fault");
                *self.counts.entry(kind.name().to_owned()).or_default() += 1;
                self.strike(kind, now, targets);
            }
        }
    }

    /// Nothing is wrong any more.
    pub fn end(&mut self, targets: &mut Targets<'_>) {
        targets.network.heal();
        mend_disks(targets.machines);
        targets.fleet.heal();
        for machine in targets.machines.values_mut() {
            machine.wake();
            machine.down_until = 0;
            machine.sets_clock(0, 1_000_000);
        }
    }

    fn strike(&mut self, kind: Kind, now: u64, targets: &mut Targets<'_>) {
        let ids: Vec<NodeId> = targets.machines.values().filter(|machine| machine.runs()).map(|machine| machine.id).collect();
        let Some(id) = self.lot.pick(&ids) else { return };
        match kind {
            Kind::Kill | Kind::PowerCut | Kind::KillAll | Kind::Pause => self.strike_processes(kind, id, now, targets),
            Kind::CutOneWay | Kind::Isolate | Kind::Split | Kind::SlowLink | Kind::Reset | Kind::Twice => {
                self.strike_links(kind, id, &ids, now, targets);
            }
            Kind::SlowDisk | Kind::FullDisk => {
                if let Some(machine) = targets.machines.get(&id) {
                    match kind {
                        Kind::FullDisk => machine.disk.fill(true),
                        _ => machine.disk.slow_down(self.lot.between(20..=400)),
                    }
                }
                self.disks_until = now + self.lot.between(200..=5_000);
            }
            Kind::WallClock | Kind::Drift => {
                let wrong_ms = self.lot.between(0..=48) as i64 * HOUR_MS - 24 * HOUR_MS;
                let rate = if kind == Kind::Drift { self.lot.between(900_000..=1_100_000) } else { 1_000_000 };
                if let Some(machine) = targets.machines.get_mut(&id) {
                    machine.sets_clock(if kind == Kind::WallClock { wrong_ms } else { 0 }, rate);
                }
            }
            Kind::BrokerKill | Kind::BrokerPause | Kind::BrokerLeaves => self.strike_broker(kind, now, targets),
        }
    }

    fn strike_processes(&mut self, kind: Kind, id: NodeId, now: u64, targets: &mut Targets<'_>) {
        let struck = |machine: &&mut Machine| machine.runs() && (machine.id == id || kind == Kind::KillAll);
        for machine in targets.machines.values_mut().filter(struck) {
            if kind == Kind::Pause {
                machine.pause(self.lot.between(50..=6_000));
            } else {
                machine.kill(kind == Kind::PowerCut);
                machine.down_until = now + self.lot.between(20..=4_000);
            }
        }
    }

    fn strike_links(&mut self, kind: Kind, id: NodeId, ids: &[NodeId], now: u64, targets: &Targets<'_>) {
        let network = targets.network;
        let other = self.lot.pick(ids).unwrap_or(id);
        match kind {
            Kind::Reset => return network.reset(id, other),
            Kind::Twice => return network.say_again(),
            Kind::CutOneWay => network.cut(id, other),
            Kind::SlowLink => network.slow_down(id, other, self.lot.between(20..=500)),
            Kind::Isolate => {
                let both = self.lot.one_in(2);
                for peer in ids.iter().filter(|peer| **peer != id) {
                    network.cut(id, *peer);
                    if both {
                        network.cut(*peer, id);
                    }
                }
            }
            _ => {
                let side: Vec<bool> = ids.iter().map(|_| self.lot.one_in(2)).collect();
                for (from, one) in ids.iter().zip(&side) {
                    ids.iter().zip(&side).filter(|(_, other)| *other != one).for_each(|(to, _)| network.cut(*from, *to));
                }
            }
        }
        self.links_until = now + self.lot.between(100..=6_000);
    }

    fn strike_broker(&mut self, kind: Kind, now: u64, targets: &Targets<'_>) {
        let Some(id) = self.lot.pick(targets.brokers) else { return };
        let until = now + self.lot.between(500..=8_000);
        targets.fleet.change(id, |standing| match kind {
            Kind::BrokerKill => {
                standing.killed += 1;
                standing.down_until = until;
                standing.serves = false;
            }
            Kind::BrokerPause => standing.paused_until = until,
            _ => standing.leaves = Some(until - now),
        });
    }
}

fn mend_disks(machines: &BTreeMap<NodeId, Machine>) {
    for machine in machines.values() {
        machine.disk.fill(false);
        machine.disk.slow_down(0);
    }
}
