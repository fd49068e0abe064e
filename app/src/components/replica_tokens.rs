//! One grammar for replicas everywhere: filled leads, outlined follows, hatched is missing. Tokens show a partition's
//! replicas in their order of preference.

use crate::icons::{self, Icon};
use leptos::prelude::*;
use metadata::{BrokerId, Partition};

/// What a broker is to a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Lead,
    Follow,
    /// Not in sync.
    Miss,
    /// Being added by a move, not in sync yet.
    Add,
    /// In sync, leaves when the move is done.
    Remove,
}

impl Role {
    /// The role of a broker; none when it holds no replica.
    pub fn of(partition: &Partition, id: BrokerId) -> Option<Role> {
        let in_sync = partition.isr.contains(&id);
        match () {
            () if !partition.replicas.contains(&id) && !partition.adding_replicas.contains(&id) => None,
            () if partition.leader == Some(id) => Some(Role::Lead),
            () if partition.adding_replicas.contains(&id) && !in_sync => Some(Role::Add),
            () if !in_sync => Some(Role::Miss),
            () if partition.removing_replicas.contains(&id) => Some(Role::Remove),
            () => Some(Role::Follow),
        }
    }

    /// The class in `style/`.
    pub fn class(self) -> &'static str {
        match self {
            Role::Lead => "lead",
            Role::Follow => "fol",
            Role::Miss => "miss",
            Role::Add => "add",
            Role::Remove => "rem",
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Role::Lead => "leader, in sync",
            Role::Follow => "follower, in sync",
            Role::Miss => "not in sync",
            Role::Add => "catching up",
            Role::Remove => "in sync, leaves when the move is done",
        }
    }
}

/// The replicas of one partition.
#[component]
pub fn ReplicaTokens(partition: Partition) -> impl IntoView {
    let token = |id: BrokerId| {
        let role = Role::of(&partition, id).unwrap_or(Role::Miss);
        view! {
            <span class=format!("rep {}", role.class()) title=format!("Broker {id}: {}", role.words())>
                {id.to_string()}
                <span class="sr">" "{role.words()}</span>
            </span>
        }
    };
    let settled = partition.replicas.iter().filter(|id| !partition.adding_replicas.contains(id)).map(|id| token(*id)).collect_view();
    let added = partition.adding_replicas.iter().map(|id| view! { <Icon of=icons::ARROW class="xs"/>{token(*id)} }).collect_view();
    view! { <span class="reps">{settled}{added}</span> }
}

/// What the roles look like. `moving` explains the two of a move as well.
#[component]
pub fn Legend(#[prop(optional)] moving: bool) -> impl IntoView {
    let entries = [(Role::Lead, "Leader"), (Role::Follow, "In-sync follower"), (Role::Miss, "Not in sync")];
    let of_move = [(Role::Add, "Catching up"), (Role::Remove, "Leaves after the move")];
    let items = entries.into_iter().chain(of_move.into_iter().filter(|_| moving));
    view! {
        <ul class="legend">
            {items.map(|(role, words)| view! { <li><i class=format!("c {}", role.class())></i>{words}</li> }).collect_view()}
        </ul>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::Role;
    use crate::pages::sample::partition;
    use metadata::BrokerId;

    #[test]
    fn every_replica_has_one_role() {
        let mut moved = partition(0, &[1, 2, 3, 4], 3);
        moved.adding_replicas = vec![BrokerId(4)];
        moved.removing_replicas = vec![BrokerId(2)];
        let roles: Vec<_> = (1..=5).map(|id| Role::of(&moved, BrokerId(id))).collect();
        assert_eq!(roles, [Some(Role::Lead), Some(Role::Remove), Some(Role::Follow), Some(Role::Add), None]);
        assert_eq!(Role::of(&partition(0, &[1, 2], 1), BrokerId(2)), Some(Role::Miss));
    }
}
