//! `accounts` and `tokens`: who may do what.

use super::call::Server;
use super::table;
use crate::local;
use crate::usage::Usage;
use clap::{Args, Subcommand};
use metadata::access::Fingerprint;
use metadata::contract::Operation;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tls::Certificate;

#[derive(Subcommand, Clone, Debug)]
pub enum Accounts {
    /// Every account by name.
    List,
    /// Who you are, and what is yours.
    Whoami,
    /// Create an account. The first one is an admin's and closes the cluster to everybody else; its token is printed once.
    Create {
        name: String,
        #[command(flatten)]
        role: RoleFlags,
        /// With a token that holds so many days, 1 to 365; printed once.
        #[arg(long, value_name = "DAYS", num_args = 0..=1, default_missing_value = "90", conflicts_with = "password_file")]
        token: Option<u64>,
        /// Of a person, who signs in: a file that holds the password in its first line.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Give a person another password; every session of the account ends.
    Password {
        name: String,
        /// A file that holds it in its first line.
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
    },
    /// End every session of an account.
    SignOut { name: String },
    /// Give an account another role.
    Role {
        name: String,
        #[command(flatten)]
        role: RoleFlags,
    },
    /// Remove an account with its tokens and sessions.
    Remove { name: String },
    /// A new token for an admin who has lost it, on the machine of a controller and as its user.
    Reset {
        /// An admin, or an account that there is not yet.
        name: String,
        /// The controller's data directory.
        #[arg(long, value_name = "DIR")]
        local: PathBuf,
    },
    /// A certificate counts no more.
    RevokeCertificate {
        /// Its file, or its SHA-256 as `quorate cert show` prints it.
        certificate: String,
    },
    /// Certificates that count no more.
    Revocations,
}

/// What an account may do.
#[derive(Args, Clone, Debug)]
pub struct RoleFlags {
    /// viewer, operator, admin, or broker:ID.
    #[arg(long, value_name = "ROLE")]
    role: String,
    /// Of an operator: only topics whose names begin so, and nothing of brokers; may be given several times.
    #[arg(long = "prefix", value_name = "PREFIX")]
    prefixes: Vec<String>,
}

impl RoleFlags {
    fn body(&self) -> anyhow::Result<Value> {
        let (role, broker) = match self.role.split_once(':') {
            Some((role @ "broker", id)) => {
                let id: u32 = id.parse().map_err(|_| Usage(format!("--role {:?}: {id:?} is no broker's id", self.role)))?;
                (role, Some(id))
            }
            _ => (self.role.as_str(), None),
        };
        Ok(json!({ "role": role, "prefixes": self.prefixes, "broker": broker }))
    }
}

#[derive(Subcommand, Clone, Debug)]
pub enum Tokens {
    /// Every token by id, without its secret.
    List,
    /// A new token for an account; printed once.
    Create {
        #[arg(long, value_name = "NAME")]
        account: String,
        /// How long it holds, 1 to 365.
        #[arg(long, value_name = "DAYS", default_value_t = 90)]
        expires_in_days: u64,
    },
    /// Revoke a token, by its id: what stands between its first two underscores.
    Revoke { id: String },
}

pub async fn accounts(server: &Server, verb: Accounts) -> anyhow::Result<()> {
    match verb {
        Accounts::List => server.show(Operation::ListAccounts, &[], None, table::accounts).await,
        Accounts::Whoami => server.show(Operation::WhoAmI, &[], None, table::who).await,
        Accounts::Create { name, role, token, password_file } => {
            let mut body = role.body()?;
            body["name"] = json!(name);
            if let Some(days) = token {
                body["token"] = json!({ "expires_in_days": days });
            }
            if let Some(file) = password_file {
                body["password"] = json!(password(&file)?);
            }
            server.show(Operation::AddAccount, &[], Some(body), table::account).await
        }
        Accounts::Role { name, role } => server.show(Operation::ChangeRole, &[&name], Some(role.body()?), table::account).await,
        Accounts::Remove { name } => server.show(Operation::RemoveAccount, &[&name], None, table::committed).await,
        Accounts::Password { name, password_file } => {
            let body = json!({ "password": password(&password_file)? });
            server.show(Operation::SetPassword, &[&name], Some(body), table::committed).await
        }
        Accounts::SignOut { name } => server.show(Operation::EndSessions, &[&name], None, table::committed).await,
        Accounts::Reset { name, local } => {
            let token = local::ask(&local, &name).await?;
            server.print(&json!({ "token": token }), table::token)
        }
        Accounts::RevokeCertificate { certificate } => {
            let body = json!({ "fingerprint": fingerprint(&certificate)? });
            server.show(Operation::RevokeCertificate, &[], Some(body), table::committed).await
        }
        Accounts::Revocations => server.show(Operation::ListRevocations, &[], None, table::revocations).await,
    }
}

/// The first line of a file.
fn password(file: &Path) -> Result<String, Usage> {
    let text = std::fs::read_to_string(file).map_err(|error| Usage(format!("--password-file {}: {error}", file.display())))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Of the file's own certificate, where it is a file.
fn fingerprint(text: &str) -> anyhow::Result<String> {
    if let Some(fingerprint) = Fingerprint::parse(text) {
        return Ok(fingerprint.to_string());
    }
    let read = Certificate::read_all(Path::new(text)).map_err(|no| Usage(format!("{text:?} is no SHA-256 in hex, and as a file: {no}")))?;
    let first = read.first().ok_or_else(|| Usage(format!("{text:?} holds no certificate")))?;
    Ok(Fingerprint(first.fingerprint).to_string())
}

pub async fn tokens(server: &Server, verb: Tokens) -> anyhow::Result<()> {
    match verb {
        Tokens::List => server.show(Operation::ListTokens, &[], None, table::tokens).await,
        Tokens::Create { account, expires_in_days } => {
            let body = json!({ "account": account, "expires_in_days": expires_in_days });
            server.show(Operation::AddToken, &[], Some(body), table::token).await
        }
        Tokens::Revoke { id } => server.show(Operation::RevokeToken, &[&id], None, table::committed).await,
    }
}
