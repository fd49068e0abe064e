//! The questions before a broker is fenced or unfenced. What the fence would do is shown before it is asked.

use crate::api::{Asked, Asking, FenceBroker, UnfenceBroker, asking};
use crate::components::dialog::Dialog;
use crate::components::field::{FormNote, refusal_of};
use crate::icons::{self, Glyph, Icon};
use crate::live::use_live;
use crate::pages::first_paint::actions_off;
use crate::signals::{Memo, changing};
use crate::words::{count, num};
use leptos::prelude::*;
use metadata::plan::plan;
use metadata::{BrokerId, Command, Draw, Intent, Liveness, Rejection, State};

/// What fencing a broker does, as the leader would plan it now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Impact {
    /// Partitions that get another leader.
    led_elsewhere: u32,
    /// Partitions that lose a replica that is in sync.
    out_of_sync: u32,
    /// Partitions left without a leader.
    offline: u32,
    /// Partitions that then have fewer in sync than min.insync.replicas.
    below_min: u32,
}

impl Impact {
    fn of(state: &State, id: BrokerId) -> Self {
        let draw = Draw { now_ms: state.at_ms(), seed: 0 };
        let plan = plan(state, &Liveness::default(), &draw, &Intent::FenceBroker { id, expected: None });
        let groups = plan.map(|plan| plan.groups()).unwrap_or_default();
        let mut impact = Impact::default();
        for target in groups.iter().flat_map(|group| &group.commands).filter_map(|command| match command {
            Command::UpdatePartitionLeader { target } => Some(target),
            _ => None,
        }) {
            let Some(now) = state.partition(target.topic_id, target.partition) else { continue };
            let min_isr = state.min_isr(target.topic_id).min(now.replicas.len());
            let in_sync = target.isr.iter().filter(|member| **member != id).count();
            impact.led_elsewhere += u32::from(now.leader != target.leader && target.leader.is_some());
            impact.out_of_sync += u32::from(now.isr.contains(&id));
            impact.offline += u32::from(now.leader.is_some() && target.leader.is_none());
            impact.below_min += u32::from(now.isr.len() >= min_isr && in_sync < min_isr);
        }
        // What is too much for one entry is planned in steps; then the running counts say how much it is in all.
        let load = state.load(id);
        Impact {
            out_of_sync: impact.out_of_sync.max(load.in_sync),
            led_elsewhere: impact.led_elsewhere.max(load.leaders.saturating_sub(impact.offline)),
            ..impact
        }
    }

    fn lines(self) -> Vec<(&'static str, Glyph, String)> {
        let partitions = |number| count(number, "partition", "partitions");
        let mut lines = vec![
            ("info", icons::UP_ARROW, format!("{} led elsewhere.", partitions(self.led_elsewhere))),
            (
                if self.out_of_sync > 0 { "warn" } else { "ok" },
                if self.out_of_sync > 0 { icons::WARN } else { icons::OK },
                format!("{} under-replicated.", partitions(self.out_of_sync)),
            ),
        ];
        if self.below_min > 0 {
            lines.push((
                "crit",
                icons::CRIT,
                format!("{} below min.insync.replicas: acks=all writes stop there.", partitions(self.below_min)),
            ));
        }
        lines.push(match self.offline {
            0 => ("ok", icons::OK, "None offline.".to_owned()),
            some => ("crit", icons::CRIT, format!("{} offline: no other replica in sync can lead.", partitions(some))),
        });
        lines
    }
}

/// Asks before a broker is fenced.
#[component]
pub fn Fence(id: BrokerId, open: RwSignal<bool>) -> impl IntoView {
    let live = use_live();
    let action = asking();
    let impact = Memo::new(move |_| if open.get() { live.state.with(|state| Impact::of(state, id)) } else { Impact::default() });
    let lines = move || {
        let lines = impact.get().lines().into_iter();
        lines.map(|(class, glyph, words)| view! { <li class=class><Icon of=glyph/><span class="num">{words}</span></li> }).collect_view()
    };
    close_when_done(action, open, format!("Broker {id} fenced"));
    view! {
        <Question
            verb="Fence"
            id=id
            text="It loses its leaders and leaves every ISR. No heartbeat brings it back: only unfencing does."
            open=open
            pending=action.pending()
            refusal=refusal_of(action)
            on_confirm=Callback::new(move |()| { action.dispatch(Asked::FenceBroker(FenceBroker { id })); })
        >
            <ul class="notes impact">{changing(lines)}</ul>
        </Question>
    }
    .into_any()
}

/// Asks before the fence is taken off.
#[component]
pub fn Unfence(id: BrokerId, open: RwSignal<bool>) -> impl IntoView {
    let action = asking();
    close_when_done(action, open, format!("Fence of broker {id} taken off"));
    view! {
        <Question
            verb="Unfence"
            id=id
            text="The operator's fence is taken off. Its next heartbeat brings it back, once it has caught up with the metadata."
            open=open
            pending=action.pending()
            refusal=refusal_of(action)
            on_confirm=Callback::new(move |()| { action.dispatch(Asked::UnfenceBroker(UnfenceBroker { id })); })
        >
            {None::<&str>}
        </Question>
    }
    .into_any()
}

/// Closes the question once it is answered, and says what happened and where.
fn close_when_done(action: Asking, open: RwSignal<bool>, done: String) {
    let live = use_live();
    Effect::new(move |_| {
        if let Some(Ok(committed)) = action.value().get() {
            open.set(false);
            live.toast_with_undo(format!("{done} at #{}", num(committed.index)), committed.index);
        }
    });
}

#[component]
fn Question(
    verb: &'static str,
    id: BrokerId,
    text: &'static str,
    open: RwSignal<bool>,
    #[prop(into)] pending: Signal<bool>,
    refusal: Signal<Option<Rejection>>,
    on_confirm: Callback<()>,
    children: Children,
) -> impl IntoView {
    let off = actions_off(None);
    let question = format!("{verb} broker {id}?");
    let confirm = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if !pending.get_untracked() {
            on_confirm.run(());
        }
    };
    view! {
        <Dialog open=open label=question.clone()>
            <form on:submit=confirm>
                <h2>{question}</h2>
                <p>{text}</p>
                {children()}
                <FormNote fields=&[] refusal=refusal/>
                <div class="actions">
                    <button type="button" class="btn" autofocus on:click=move |_| open.set(false)>"Cancel"</button>
                    <button class="btn primary needs-live" aria-busy=move || pending.get().then_some("true") disabled=move || off.get()>{format!("{verb} broker {id}")}</button>
                </div>
            </form>
        </Dialog>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::Impact;
    use crate::pages::sample;
    use metadata::BrokerId;

    #[test]
    fn the_impact_is_what_the_leader_would_plan() {
        let state = sample::state();
        // Broker 3 leads one partition, is in sync in six and out of sync in one.
        assert_eq!(Impact::of(&state, BrokerId(3)), Impact { led_elsewhere: 1, out_of_sync: 6, offline: 0, below_min: 0 });
        assert_eq!(Impact::of(&state, BrokerId(99)), Impact::default());
    }
}
