//! How the first account comes about: by a one-time code in the data directory, or by a flag.

use super::{Passwords, rule};
use crate::usage::Usage;
use controller::{Controller, LONGEST_DEADLINE, Refusal};
use metadata::access::{AccessChange, Credential, PasswordHash, Role, check_name};
use metadata::{Index, SecretHash};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

const FILE: &str = "setup-code";
const HOLDS: Duration = Duration::from_secs(3_600);
/// How often it is looked whether there is an account.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What whoever sets a cluster up shows: that they can read this node's files.
pub struct Code {
    file: PathBuf,
    hash: Mutex<Option<SecretHash>>,
}

impl Code {
    pub fn new(dir: &Path) -> Self {
        Code { file: dir.join(FILE), hash: Mutex::default() }
    }

    /// Where it is written.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Whether this is the one that holds now.
    pub fn is(&self, text: &str) -> bool {
        let hash = *self.hash.lock().unwrap_or_else(PoisonError::into_inner);
        hash.is_some_and(|hash| hash == SecretHash::of(text.trim()))
    }

    fn put(&self, hash: Option<SecretHash>) {
        *self.hash.lock().unwrap_or_else(PoisonError::into_inner) = hash;
    }

    /// Puts another one in the file.
    fn renew(&self) -> io::Result<()> {
        let digits = Uuid::new_v4().simple().to_string();
        let code = [&digits[..5], &digits[5..10], &digits[15..20], &digits[25..30]].join("-");
        // The process makes nothing that others can read.
        fs::write(&self.file, format!("{code}\n"))?;
        self.put(Some(SecretHash::of(&code)));
        Ok(())
    }

    fn end(&self) {
        self.put(None);
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, file = %self.file.display(), "the code, which counts no more, is not removed");
            }
            _ => {}
        }
    }

    /// Keeps one for as long as nobody has an account.
    pub async fn keep(self: Arc<Self>, controller: Controller) {
        let mut renewed = None::<Instant>;
        loop {
            let view = controller.view();
            if view.machine.access.claimed() {
                self.end();
                return;
            }
            // Before it has heard of the cluster a node cannot know.
            if view.state.identity().is_some() && renewed.is_none_or(|at| at.elapsed() >= HOLDS) {
                match self.renew() {
                    Ok(()) => {
                        tracing::warn!(file = %self.file.display(), "nobody has an account: set this cluster up at /set-up with the code in this file")
                    }
                    Err(error) => tracing::error!(%error, file = %self.file.display(), "no code to set this cluster up with"),
                }
                renewed = Some(Instant::now());
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

/// The first account, as the command line names it.
#[derive(Clone)]
pub struct InitialAdmin {
    name: String,
    password: String,
}

impl InitialAdmin {
    /// Reads its password.
    ///
    /// # Errors
    /// [`Usage`] when the file cannot be read, or what it holds can be no password.
    pub fn read(name: String, file: &Path) -> Result<Self, Usage> {
        let no = |why: String| Usage(format!("--initial-admin-password-file {}: {why}", file.display()));
        let text = fs::read_to_string(file).map_err(|error| no(error.to_string()))?;
        let password = text.lines().next().unwrap_or_default().to_owned();
        if let Err(refused) = check_name(&name) {
            return Err(Usage(format!("--initial-admin {name:?}: {}; allowed: {}", refused.detail, refused.allowed.unwrap_or_default())));
        }
        rule(&password, &name).map_err(|refused| no(format!("{}: {}", refused.detail, refused.allowed.unwrap_or_default())))?;
        Ok(InitialAdmin { name, password })
    }

    /// Sees to it that there is an account, unless there is one: this node's, or another's that was faster.
    pub async fn make(self, controller: Controller, passwords: Arc<Passwords>) {
        let hash = loop {
            match passwords.hash(self.password.clone()).await {
                Ok(hash) => break hash,
                Err(no) => tracing::warn!(%no, "the password of the first account is not worked on yet"),
            }
            sleep(LOOK_EVERY).await;
        };
        while !controller.view().machine.access.claimed() {
            if controller.ready() {
                match claim(&controller, &self.name, hash.clone()).await {
                    Ok(_) => tracing::info!(account = self.name, "the first account was made"),
                    Err(refusal) if refusal.retryable() => tracing::debug!(%refusal, "the first account was not made yet"),
                    Err(refusal) => tracing::warn!(%refusal, account = self.name, "the first account is not made"),
                }
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

/// Makes the first account; the entry that set its password. Of several at once, one does.
///
/// # Errors
/// As [`Controller::submit`]; UNAUTHENTICATED when another was faster.
pub async fn claim(controller: &Controller, name: &str, password: PasswordHash) -> Result<Index, Refusal> {
    let change = AccessChange::AddPerson { name: name.to_owned(), role: Role::Admin, password };
    controller.change_access(&controller.asker(Credential::Nobody, None)?, change, Instant::now() + LONGEST_DEADLINE).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_holds_until_the_next() {
        let dir = tempfile::tempdir().expect("a directory");
        let code = Code::new(dir.path());
        assert!(!code.is(""), "there is none yet");
        code.renew().expect("a file");
        let first = fs::read_to_string(code.file()).expect("the file");
        assert!(code.is(&first) && !code.is(&first[1..]) && first.trim().len() == 23, "{first}");
        code.renew().expect("a file");
        assert!(!code.is(&first));
        code.end();
        assert!(!code.file().exists() && !code.is(&first));
    }

    #[test]
    fn the_first_password_is_held_to_the_rule_at_the_start() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("password");
        assert!(InitialAdmin::read("ana".to_owned(), &file).is_err());
        for (text, fits) in [("", false), ("short\n", false), ("tulip engine marble fog\n", true)] {
            fs::write(&file, text).expect("a file");
            let read = InitialAdmin::read("ana".to_owned(), &file);
            assert_eq!(read.is_ok(), fits, "{text:?}");
        }
    }
}
