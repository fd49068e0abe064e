//! The way back in for who has lost every token: a socket in the data directory, for the user of this process alone. Who may read the
//! directory has everything that the process has.

use crate::token;
use crate::trail::{self, Trail};
use anyhow::{Context, bail, ensure};
use audit::Kind;
use controller::{Controller, LONGEST_DEADLINE};
use metadata::access::{AccessChange, Credential, Role};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{Instant, timeout};

const SOCKET: &str = "admin.sock";
const RESET: &str = "reset ";
/// Bytes of a question: a name has up to 64.
const LONGEST: u64 = 128;
const PATIENCE: Duration = Duration::from_secs(15);
const MONTH_MS: u64 = 30 * 86_400_000;

fn path(dir: &Path) -> PathBuf {
    dir.join(SOCKET)
}

/// A socket in this directory, which nobody else uses: it is locked.
///
/// # Errors
/// When there can be none.
pub fn listen(dir: &Path) -> io::Result<UnixListener> {
    // What a process that was killed has left.
    remove(dir)?;
    UnixListener::bind(path(dir))
}

/// Takes it away: a directory with a socket in it is not copied by everything that copies.
///
/// # Errors
/// When it is there and stays.
pub fn remove(dir: &Path) -> io::Result<()> {
    match std::fs::remove_file(path(dir)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Answers until it is dropped, one question after another.
pub async fn serve(listener: UnixListener, controller: Controller, trail: Trail) {
    let own = nix::unistd::geteuid().as_raw();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        };
        // Root reads every file of this process anyway.
        let may = stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0);
        match timeout(PATIENCE, answer(&controller, &trail, stream, may)).await {
            Ok(Err(error)) => tracing::debug!(%error, "a local question was not answered"),
            Err(_) => tracing::debug!("a local question took too long"),
            Ok(Ok(())) => {}
        }
    }
}

async fn answer(controller: &Controller, trail: &Trail, mut stream: UnixStream, may: bool) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new((&mut stream).take(LONGEST)).read_line(&mut line).await?;
    let said = match line.trim_end().strip_prefix(RESET) {
        _ if !may => Err(anyhow::anyhow!("only the user of this controller, and root, are answered here")),
        Some(name) => reset(controller, trail, name).await,
        None => Err(anyhow::anyhow!("only `reset NAME` is answered here")),
    };
    let text = match said {
        Ok(token) => format!("{token}\n"),
        Err(error) => format!("error: {error:#}\n"),
    };
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

/// A new token for an admin, who is made if there is no such account.
async fn reset(controller: &Controller, trail: &Trail, name: &str) -> anyhow::Result<String> {
    let (token, text) = token::new(MONTH_MS);
    let view = controller.view();
    let change = match view.machine.access.account(name) {
        None => AccessChange::AddAccount { name: name.to_owned(), role: Role::Admin, token: Some(token) },
        Some(account) if account.role == Role::Admin => AccessChange::AddToken { account: name.to_owned(), token },
        Some(account) => bail!("{name} is {}: name an admin, or an account that there is not", account.role),
    };
    let asker = controller.asker(Credential::Local, None)?;
    controller.change_access(&asker, change, Instant::now() + LONGEST_DEADLINE).await?;
    trail.note(trail::event(Kind::AccountsChanged, Some(&asker), None, format!("make a token for {name}"), None));
    tracing::warn!(account = name, "a token was made for an admin by the user of this machine");
    Ok(text)
}

/// Asks the controller whose data directory this is.
///
/// # Errors
/// When it does not run, or refuses.
pub async fn ask(dir: &Path, name: &str) -> anyhow::Result<String> {
    ensure!(!name.contains(char::is_control), "{name:?} is no name");
    let path = path(dir);
    let mut stream = UnixStream::connect(&path).await.with_context(|| format!("no controller answers at {}", path.display()))?;
    stream.write_all(format!("{RESET}{name}\n").as_bytes()).await?;
    let mut said = String::new();
    let read = timeout(PATIENCE, stream.read_to_string(&mut said)).await.context("it does not answer")?;
    read?;
    match said.trim_end().strip_prefix("error: ") {
        Some(no) => bail!("{no}"),
        None => Ok(said.trim_end().to_owned()),
    }
}
