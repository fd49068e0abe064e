//! What is to be done and what came of it, for people: a topic a block, `+` made, `~` changed, `-` taken away, `!` refused.

use super::commit::{Did, Outcome};
use super::diff::{Action, Difference, Step};
use super::read::PassedOver;
use crate::verbs::table::plain;
use std::io::IsTerminal;

/// Colours repeat what the signs say, on a terminal whose owner wants them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint(bool);

impl Paint {
    /// As stdout and `NO_COLOR` have it.
    pub fn for_stdout() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Paint(std::io::stdout().is_terminal() && !unwanted && !dumb)
    }

    fn line(self, sign: char, text: &str) -> String {
        let colour = match sign {
            '+' => "32",
            '~' => "33",
            '-' | '!' => "31",
            _ => "",
        };
        let text = format!("{sign} {text}");
        if self.0 && !colour.is_empty() { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text }
    }
}

/// A number with its word.
pub fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Every topic that something is to be done about, or that was to be and cannot.
pub fn plan(steps: &[Step], paint: Paint) -> String {
    let blocks: Vec<String> = steps.iter().filter(|step| step.action != Action::Nothing).map(|step| block(step, paint)).collect();
    blocks.join("\n")
}

fn block(step: &Step, paint: Paint) -> String {
    let name = plain(&step.name);
    let place = step.place.as_ref().map(|place| format!("  ({})", plain(&place.to_string()))).unwrap_or_default();
    let (sign, head) = match &step.action {
        Action::Create => ('+', format!("{name}  create{place}")),
        Action::Change { .. } => ('~', format!("{name}  change{place}")),
        Action::Refuse(_) => ('!', format!("{name}  cannot be changed so{place}")),
        Action::Delete => ('-', format!("{name}  delete: no file names it")),
        Action::Keep(why) => (' ', format!("{name}  kept: {why}")),
        Action::Nothing => (' ', name),
    };
    let mut lines = vec![paint.line(sign, &head)];
    lines.extend(step.differences.iter().map(|difference| format!("    {}", difference_line(difference, step, paint))));
    if let Action::Refuse(refusals) = &step.action {
        lines.extend(refusals.iter().map(|no| format!("    {}", paint.line('!', &plain(&format!("{}: {}", no.code.name(), no.detail))))));
    }
    lines.join("\n")
}

fn difference_line(difference: &Difference, step: &Step, paint: Paint) -> String {
    let Difference { field, before, after } = difference;
    let field = plain(field);
    match (before.as_deref().map(plain), after.as_deref().map(plain)) {
        (Some(before), Some(after)) => paint.line('~', &format!("{field}: {before} → {after}")),
        (None, Some(after)) => paint.line('+', &format!("{field}: {after}")),
        (Some(before), None) if step.action == Action::Delete => paint.line('-', &format!("{field}: {before}")),
        (Some(before), None) => paint.line('-', &format!("{field}: {before} → its default")),
        (None, None) => field,
    }
}

/// A line for each thing in the files that is not applied.
pub fn passed_over(passed: &[PassedOver]) -> Vec<String> {
    passed.iter().map(|passed| plain(&format!("{}: {} is passed over: {}", passed.place, passed.what, passed.why))).collect()
}

/// How many of each came of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    pub created: usize,
    pub changed: usize,
    pub grown: usize,
    pub deleted: usize,
    pub unchanged: usize,
    pub kept: usize,
    pub refused: usize,
    pub unknown: usize,
    pub unreachable: usize,
    pub not_tried: usize,
}

impl Summary {
    pub fn of(steps: &[Step], outcomes: &[Outcome]) -> Self {
        use super::commit::Failure;
        let mut sum = Summary::default();
        for (step, outcome) in steps.iter().zip(outcomes) {
            for did in &outcome.did {
                match did {
                    Did::Created => sum.created += 1,
                    Did::Changed => sum.changed += 1,
                    Did::Grown => sum.grown += 1,
                    Did::Deleted => sum.deleted += 1,
                }
            }
            match (&step.action, &outcome.failure) {
                (Action::Refuse(_), _) | (_, Some(Failure::Refused(_))) => sum.refused += 1,
                (_, Some(Failure::Unknown(_))) => sum.unknown += 1,
                (_, Some(Failure::Unreachable(_))) => sum.unreachable += 1,
                (_, Some(Failure::NotTried(_))) => sum.not_tried += 1,
                (Action::Keep(_), None) => sum.kept += 1,
                (_, None) if outcome.did.is_empty() => sum.unchanged += 1,
                (_, None) => {}
            }
        }
        sum
    }

    /// Topics about which something was done, or by a dry run would be; one that is changed and grown counts twice.
    pub fn acts(self) -> usize {
        self.created + self.changed + self.grown + self.deleted
    }

    /// In one line.
    pub fn line(self, dry: bool) -> String {
        let done = |number, word: &str, infinitive: &str| (number, if dry { format!("to {infinitive}") } else { word.to_owned() });
        let parts = [
            done(self.created, "created", "create"),
            done(self.changed, "changed", "change"),
            done(self.grown, "grown", "grow"),
            done(self.deleted, "deleted", "delete"),
            (self.unchanged, if dry { "as they are" } else { "as they were" }.to_owned()),
            (self.kept, "kept".to_owned()),
            (self.refused, "refused".to_owned()),
            (self.unknown, "of unknown outcome".to_owned()),
            (self.unreachable, "not reached".to_owned()),
            (self.not_tried, "not tried".to_owned()),
        ];
        let parts: Vec<String> =
            parts.into_iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}")).collect();
        let failed = self.refused + self.unknown + self.unreachable + self.not_tried;
        match (parts.as_slice(), self.acts() + failed) {
            ([], _) => "nothing to do".to_owned(),
            (parts, 0) => format!("nothing to do: {}", parts.join(", ")),
            (parts, _) => parts.join(", "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::commit::Failure;
    use super::super::read::Place;
    use super::*;
    use metadata::{Code, Rejection};
    use serde_json::Value;

    fn step(name: &str, action: Action, differences: &[(&str, Option<&str>, Option<&str>)]) -> Step {
        let difference = |(field, before, after): &(&str, Option<&str>, Option<&str>)| Difference {
            field: (*field).to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        let place = Some(Place { file: "topics.yaml".into(), document: 2, line: Some(7) });
        Step { name: name.to_owned(), place, seen: Some(1), action, differences: differences.iter().map(difference).collect() }
    }

    fn steps() -> Vec<Step> {
        let no = Rejection::new(Code::InvalidPartitions, "d has 6 partitions, and none is ever taken away");
        vec![
            step("a", Action::Create, &[("partitions", None, Some("12")), ("cleanup.policy", None, Some("compact"))]),
            step(
                "b",
                Action::Change { configs: true, grow: Some(6) },
                &[
                    ("partitions", Some("3"), Some("6")),
                    ("retention.ms", Some("5"), Some("6")),
                    ("segment.ms", Some("9"), None),
                    ("labels", None, Some("app=\u{1b}[31m")),
                ],
            ),
            step("c", Action::Nothing, &[]),
            step("d", Action::Refuse(vec![no]), &[("partitions", Some("6"), Some("3"))]),
            step("e", Action::Delete, &[("partitions", Some("2"), None)]),
            step("f", Action::Keep("protected by deletion.protection"), &[]),
        ]
    }

    #[test]
    fn a_plan_is_read_without_colours_and_with_them() {
        let text = plan(&steps(), Paint(false));
        assert_eq!(
            text,
            "+ a  create  (topics.yaml, document 2, line 7)\n    + partitions: 12\n    + cleanup.policy: compact\n\
             ~ b  change  (topics.yaml, document 2, line 7)\n    ~ partitions: 3 → 6\n    ~ retention.ms: 5 → 6\n    \
             - segment.ms: 9 → its default\n    + labels: app=\\u{1b}[31m\n\
             ! d  cannot be changed so  (topics.yaml, document 2, line 7)\n    ~ partitions: 6 → 3\n    \
             ! INVALID_PARTITIONS: d has 6 partitions, and none is ever taken away\n\
             - e  delete: no file names it\n    - partitions: 2\n  f  kept: protected by deletion.protection"
        );
        let coloured = plan(&steps(), Paint(true));
        let stripped =
            ["\u{1b}[32m", "\u{1b}[33m", "\u{1b}[31m", "\u{1b}[0m"].iter().fold(coloured.clone(), |text, code| text.replace(code, ""));
        assert!(stripped == text && coloured != text);
    }

    #[test]
    fn a_summary_counts_what_became_of_each() {
        let did = |did: &[Did]| Outcome { did: did.to_vec(), ..Outcome::default() };
        let failed = |did: &[Did], failure| Outcome { did: did.to_vec(), failure: Some(failure), ..Outcome::default() };
        let none = Outcome::default();
        let all = [did(&[Did::Created]), did(&[Did::Changed, Did::Grown]), none.clone(), none.clone(), did(&[Did::Deleted]), none.clone()];
        let sum = Summary::of(&steps(), &all);
        assert_eq!(sum.line(false), "1 created, 1 changed, 1 grown, 1 deleted, 1 as they were, 1 kept, 1 refused");
        assert_eq!(sum.line(true), "1 to create, 1 to change, 1 to grow, 1 to delete, 1 as they are, 1 kept, 1 refused");
        let halfway = [
            failed(&[], Failure::Unknown(String::new())),
            failed(&[Did::Changed], Failure::Refused(Value::Null)),
            none.clone(),
            none.clone(),
            failed(&[], Failure::NotTried("")),
            none.clone(),
        ];
        assert_eq!(
            Summary::of(&steps(), &halfway).line(false),
            "1 changed, 1 as they were, 1 kept, 2 refused, 1 of unknown outcome, 1 not tried"
        );
        assert_eq!(Summary::of(&[], &[]).line(false), "nothing to do");
        assert_eq!(Summary::of(&steps()[2..3], &[none]).line(false), "nothing to do: 1 as they were");
    }
}
