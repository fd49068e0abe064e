//! What was asked and how it was answered. At the end each answer is held against what was committed.
//!
//! The log is one order of everything. So reads and writes are linearizable when an answer that came before a call began always
//! rests on an earlier index than that call's, and each answer says what its index did.

use super::record::Record;
use anyhow::{Context, Result, bail, ensure};
use metadata::{Code, Commit, Index, Intent};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How a call ended for who asked.
pub enum Answer {
    /// Committed as this.
    Committed(Arc<Commit>),
    /// Answered with this index; the node that answered no longer had the commit, or none was needed.
    At(Index),
    Refused(Code),
    /// Nobody answered, or it may have happened.
    Unknown,
}

struct Call {
    intent: Intent,
    /// What had been answered before it began: it comes after that.
    floor: Index,
    answer: Answer,
    /// Only one commit may be of this intent, as nobody else asks for exactly this.
    unique: bool,
}

#[derive(Default)]
struct Book {
    highest: Index,
    calls: Vec<Call>,
    reads: usize,
    wrong: Vec<String>,
}

/// All calls of a run. Clones share them.
#[derive(Clone, Default)]
pub struct Calls(Arc<Mutex<Book>>);

impl Calls {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The highest index that anybody was answered with.
    pub fn floor(&self) -> Index {
        self.book().highest
    }

    pub fn wrote(&self, intent: Intent, floor: Index, answer: Answer, unique: bool) {
        let mut book = self.book();
        let index = match &answer {
            Answer::Committed(commit) => commit.index,
            Answer::At(index) => *index,
            Answer::Refused(_) | Answer::Unknown => 0,
        };
        book.highest = book.highest.max(index);
        book.calls.push(Call { intent, floor, answer, unique });
    }

    pub fn read(&self, floor: Index, index: Index, applied: Index) {
        let mut book = self.book();
        book.reads += 1;
        if index < floor || applied < index {
            let detail = format!("a read was answered at {index} from a state at {applied}, after {floor} had been answered");
            book.wrong.push(detail);
        }
        book.highest = book.highest.max(index);
    }

    /// What was found wrong so far.
    ///
    /// # Errors
    /// The first of it.
    pub fn check(&self) -> Result<()> {
        self.book().wrong.first().map_or(Ok(()), |wrong| bail!("{wrong}"))
    }

    /// How many writes were committed, and how many reads answered.
    pub fn counts(&self) -> (usize, usize) {
        let book = self.book();
        (book.calls.iter().filter(|call| matches!(call.answer, Answer::Committed(_))).count(), book.reads)
    }

    /// Holds every answer against what was committed. With `once` nothing was said twice by the network, nor did a clock
    /// jump over the time for which keys are remembered.
    ///
    /// # Errors
    /// The first answer that was not true.
    pub fn judge(&self, record: &Record, once: bool) -> Result<()> {
        self.check()?;
        for call in &self.book().calls {
            call.judge(record, once).with_context(|| format!("{:?}", call.intent))?;
        }
        Ok(())
    }
}

impl Call {
    fn judge(&self, record: &Record, once: bool) -> Result<()> {
        match &self.answer {
            Answer::Committed(commit) => {
                let index = commit.index;
                let kept =
                    record.commit(index).with_context(|| format!("it was acknowledged at {index}, and nothing is committed there"))?;
                ensure!(kept == commit, "it was acknowledged at {index}, and what is committed there is another: {kept:?}");
                ensure!(kept.intent.as_ref() == Some(&self.intent), "the commit it was answered with, {index}, is of another: {kept:?}");
                // Another one of the same may have been answered with it: then this one needed no entry.
                let after = index > self.floor || (!self.unique && index == self.floor);
                ensure!(after, "it was acknowledged at {index}, though {} had been answered before it began", self.floor);
            }
            Answer::At(index) => {
                ensure!(*index >= self.floor, "it was answered at {index}, though {} had been answered before it began", self.floor);
                let done = || record.commits().any(|commit| commit.index <= *index && commit.intent.as_ref() == Some(&self.intent));
                ensure!(!self.unique || done(), "it was acknowledged at {index}, and up to there it was never committed");
            }
            Answer::Refused(_) | Answer::Unknown => {}
        }
        if self.unique && once {
            let mut same = record.commits().filter(|commit| commit.intent.as_ref() == Some(&self.intent)).map(|commit| commit.index);
            match (same.next(), same.next(), &self.answer) {
                (Some(first), Some(second), _) => bail!("it was committed twice, at {first} and at {second}"),
                (Some(index), None, Answer::Refused(code)) => bail!("it was refused with {code:?}, and committed at {index}"),
                _ => {}
            }
        }
        Ok(())
    }
}
