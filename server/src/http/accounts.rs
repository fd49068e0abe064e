//! Who may do what: accounts, their tokens, certificates that count no more; and who the caller is.

use super::Node;
use super::body::{self, ONE_MIB};
use super::call;
use super::caller::{self, asker};
use super::problem::Refused;
use super::query::Query;
use crate::{token, trail};
use audit::Kind;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use metadata::access::{Access, AccessChange, Account, Credential, Fingerprint, NewToken, Role, Token};
use metadata::{BrokerId, Code, Index, Rejection};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const DAY_MS: u64 = 86_400_000;
/// What a token holds when nothing is said.
const USUAL_DAYS: u64 = 90;

/// A role as callers write and read it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleAsked {
    /// `viewer`, `operator`, `admin` or `broker`.
    role: String,
    /// Of an operator: only topics whose names begin so, and nothing of brokers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    prefixes: Vec<String>,
    /// Of a broker: which one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    broker: Option<BrokerId>,
}

impl RoleAsked {
    fn of(role: &Role) -> Self {
        let named = |role: &str| RoleAsked { role: role.to_owned(), prefixes: Vec::new(), broker: None };
        match role {
            Role::Viewer => named("viewer"),
            Role::Operator { prefixes } => RoleAsked { prefixes: prefixes.clone(), ..named("operator") },
            Role::Admin => named("admin"),
            Role::Broker { id } => RoleAsked { broker: Some(*id), ..named("broker") },
        }
    }

    pub fn new(role: String, prefixes: Vec<String>, broker: Option<BrokerId>) -> Self {
        RoleAsked { role, prefixes, broker }
    }

    /// The role, if there is such a one.
    ///
    /// # Errors
    /// INVALID_REQUEST with the field at fault.
    pub fn read(self) -> Result<Role, Rejection> {
        let no = |field: &str, value: String, allowed: &str| {
            Err(Rejection::new(Code::InvalidRequest, "There is no such role").at(field, value, allowed))
        };
        if !self.prefixes.is_empty() && self.role != "operator" {
            return no("prefixes", self.prefixes.join(", "), "none: only an operator is limited to names");
        }
        match (self.role.as_str(), self.broker) {
            ("viewer", None) => Ok(Role::Viewer),
            ("operator", None) => Ok(Role::Operator { prefixes: self.prefixes }),
            ("admin", None) => Ok(Role::Admin),
            ("broker", Some(id)) if id.0 <= BrokerId::MAX => Ok(Role::Broker { id }),
            ("broker", id) => no("broker", id.map_or_else(String::new, |id| id.to_string()), "0 to 2147483647"),
            ("viewer" | "operator" | "admin", Some(id)) => no("broker", id.to_string(), "none: the role is no broker's"),
            _ => no("role", self.role, "viewer, operator, admin, broker"),
        }
    }
}

/// A token that is to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenAsked {
    /// 1 to 365; 90 when absent.
    #[serde(default)]
    expires_in_days: Option<u64>,
}

impl TokenAsked {
    pub fn new(expires_in_days: Option<u64>) -> Self {
        TokenAsked { expires_in_days }
    }

    /// What is replicated of a new token, and the token itself.
    ///
    /// # Errors
    /// INVALID_REQUEST when it would hold for too long, or not at all.
    pub fn make(&self) -> Result<(NewToken, String), Rejection> {
        let days = self.expires_in_days.unwrap_or(USUAL_DAYS);
        if !(1..=365).contains(&days) {
            return Err(Rejection::new(Code::InvalidRequest, "A token expires").at("expires_in_days", days, "1 to 365"));
        }
        Ok(token::new(days * DAY_MS))
    }
}

/// A new account.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    name: String,
    /// `viewer`, `operator`, `admin` or `broker`.
    role: String,
    #[serde(default)]
    prefixes: Vec<String>,
    #[serde(default)]
    broker: Option<BrokerId>,
    /// With a token of its own.
    #[serde(default)]
    token: Option<TokenAsked>,
    /// A person's, who signs in: 15 to 128 characters that are not easily guessed. Then without a token.
    #[serde(default)]
    password: Option<String>,
}

/// Another password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordAsked {
    /// 15 to 128 characters that are not easily guessed.
    password: String,
}

/// A token for an account that is there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewTokenRequest")]
pub struct TokenOf {
    account: String,
    #[serde(default)]
    expires_in_days: Option<u64>,
}

/// A certificate that is to count no more.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Revoking {
    /// SHA-256 of the certificate: 64 hex digits, as `quorate cert show` prints it.
    fingerprint: String,
}

/// An account as its admin sees it.
#[derive(Serialize, JsonSchema)]
pub struct AccountView {
    name: String,
    principal: String,
    #[serde(flatten)]
    role: RoleAsked,
    created_at_ms: u64,
    changed_index: Index,
    /// How many tokens it has that hold.
    tokens: usize,
    /// Whether it has a password to sign in with.
    signs_in: bool,
    /// How many sessions it has that hold.
    sessions: usize,
}

/// A token without its secret.
#[derive(Serialize, JsonSchema)]
pub struct TokenView {
    id: String,
    account: String,
    created_at_ms: u64,
    expires_at_ms: u64,
}

#[derive(Serialize, JsonSchema)]
pub struct AccountsAnswer {
    revision: Index,
    accounts: Vec<AccountView>,
}

/// An account, and the token that was made with it.
#[derive(Serialize, JsonSchema)]
pub struct AccountAnswer {
    revision: Index,
    account: AccountView,
    /// Shown this once: only its hash is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub struct TokensAnswer {
    revision: Index,
    tokens: Vec<TokenView>,
}

#[derive(Serialize, JsonSchema)]
pub struct TokenAnswer {
    revision: Index,
    /// Shown this once: only its hash is kept.
    token: String,
    #[serde(flatten)]
    about: TokenView,
}

#[derive(Serialize, JsonSchema)]
pub struct RevocationsAnswer {
    revision: Index,
    revocations: Vec<RevocationView>,
}

/// A certificate that counts no more.
#[derive(Serialize, JsonSchema)]
pub struct RevocationView {
    fingerprint: String,
    since_ms: u64,
}

/// Who asks, and what is theirs.
#[derive(Serialize, JsonSchema)]
pub struct WhoAnswer {
    revision: Index,
    principal: String,
    /// Whether anybody may do everything, as nobody has an account.
    open: bool,
    /// Null while the cluster is open.
    #[serde(flatten)]
    role: Option<RoleAsked>,
}

fn shown(access: &Access, account: &Account, now_ms: u64) -> AccountView {
    AccountView {
        name: account.name.clone(),
        principal: account.principal().0,
        role: RoleAsked::of(&account.role),
        created_at_ms: account.created_at_ms,
        changed_index: account.changed_index,
        tokens: access.tokens().filter(|token| token.account == account.name).count(),
        signs_in: account.password.is_some(),
        sessions: access.sessions_of(&account.name, now_ms).count(),
    }
}

fn about(token: &Token) -> TokenView {
    let Token { id, account, created_at_ms, expires_at_ms, .. } = token.clone();
    TokenView { id, account, created_at_ms, expires_at_ms }
}

/// Commits one change of the table; its index.
async fn change(node: &Node, parts: &Parts, change: AccessChange) -> Result<Index, Refused> {
    let (asker, what) = (asker(parts)?, words(&change));
    let index = node.controller.change_access(asker, change, call::deadline(parts)?).await?;
    node.trail.note(trail::event(Kind::AccountsChanged, Some(asker), asker.address, what, None));
    Ok(index)
}

/// What a change comes to, as it is written down; a secret is in none.
pub fn words(change: &AccessChange) -> String {
    match change {
        AccessChange::AddAccount { name, role, .. } | AccessChange::AddPerson { name, role, .. } => format!("add account {name}, {role}"),
        AccessChange::ChangeRole { name, role } => format!("make {name} {role}"),
        AccessChange::RemoveAccount { name } => format!("remove account {name}"),
        AccessChange::AddToken { account, token } => format!("add token {} to {account}", token.id),
        AccessChange::RemoveToken { id } => format!("revoke token {id}"),
        AccessChange::Revoke { fingerprint } => format!("revoke certificate {fingerprint}"),
        AccessChange::SetPassword { account, .. } => format!("set the password of {account}"),
        AccessChange::EndSessions { account, .. } => format!("end the sessions of {account}"),
        AccessChange::Admit { name, role, .. } => format!("admit {name}, {role}, by the provider"),
        AccessChange::BeginSession { account, session } => format!("begin session {} of {account}", session.id),
        AccessChange::SeeSession { account, id } => format!("use session {id} of {account}"),
        AccessChange::ProveSession { account, id } => format!("give the password of {account} in session {id}"),
        AccessChange::EndSession { account, id } => format!("end session {id} of {account}"),
    }
}

/// What the body of a call that has no parameters asks.
async fn asked<T: DeserializeOwned>(parts: &Parts, body: Body) -> Result<T, Refused> {
    Query::read(parts.uri.query(), &[])?;
    let bytes = body::bytes(&parts.headers, body, ONE_MIB).await?;
    body::json(&parts.headers, &bytes)
}

/// An account after a change of it.
fn changed(node: &Node, name: &str, what: &str) -> Result<AccountView, Refused> {
    let view = node.controller.view();
    let access = &view.machine.access;
    access.account(name).map(|account| shown(access, account, node.controller.judged_ms())).ok_or_else(|| gone(what))
}

fn gone(what: &str) -> Refused {
    Refused::new(Code::OutcomeUnknown, format!("The {what} was committed, and another change has taken it away since"))
}

pub async fn list(State(node): State<Node>, parts: Parts) -> Result<Response, Refused> {
    let (_, view) = call::read(&node, &parts, &[]).await?;
    let access = &view.machine.access;
    let accounts = access.accounts().map(|account| shown(access, account, node.controller.judged_ms())).collect();
    Ok(Json(AccountsAnswer { revision: view.applied, accounts }).into_response())
}

pub async fn add(State(node): State<Node>, parts: Parts, body: Body) -> Result<Response, Refused> {
    let asked: NewAccount = asked(&parts, body).await?;
    let role = RoleAsked::new(asked.role, asked.prefixes, asked.broker).read()?;
    let made = asked.token.as_ref().map(TokenAsked::make).transpose()?;
    let (token, text) = made.unzip();
    let name = asked.name.clone();
    let wanted = match asked.password {
        None => AccessChange::AddAccount { name, role, token },
        Some(_) if token.is_some() => {
            let no = Rejection::new(Code::InvalidRequest, "An account comes with a password or with a token");
            return Err(no.at("token", "given with a password", "none; a person's account can be given tokens later").into());
        }
        Some(password) => AccessChange::AddPerson { role, password: node.people.hashed(&name, password).await?, name },
    };
    let revision = change(&node, &parts, wanted).await?;
    let account = changed(&node, &asked.name, "account")?;
    Ok((StatusCode::CREATED, Json(AccountAnswer { revision, account, token: text })).into_response())
}

pub async fn change_role(State(node): State<Node>, Path(name): Path<String>, parts: Parts, body: Body) -> Result<Response, Refused> {
    let role = asked::<RoleAsked>(&parts, body).await?.read()?;
    let revision = change(&node, &parts, AccessChange::ChangeRole { name: name.clone(), role }).await?;
    let account = changed(&node, &name, "role")?;
    Ok(Json(AccountAnswer { revision, account, token: None }).into_response())
}

pub async fn remove(State(node): State<Node>, Path(name): Path<String>, parts: Parts) -> Result<Response, Refused> {
    Query::read(parts.uri.query(), &[])?;
    let revision = change(&node, &parts, AccessChange::RemoveAccount { name }).await?;
    Ok(super::answers::CommittedAnswer { revision }.into_response())
}

pub async fn set_password(State(node): State<Node>, Path(name): Path<String>, parts: Parts, body: Body) -> Result<Response, Refused> {
    let asked: PasswordAsked = asked(&parts, body).await?;
    let password = node.people.hashed(&name, asked.password).await?;
    let revision = change(&node, &parts, AccessChange::SetPassword { account: name, password, keeps: None }).await?;
    Ok(super::answers::CommittedAnswer { revision }.into_response())
}

pub async fn end_sessions(State(node): State<Node>, Path(name): Path<String>, parts: Parts) -> Result<Response, Refused> {
    Query::read(parts.uri.query(), &[])?;
    let revision = change(&node, &parts, AccessChange::EndSessions { account: name, keeps: None }).await?;
    Ok(super::answers::CommittedAnswer { revision }.into_response())
}

pub async fn tokens(State(node): State<Node>, parts: Parts) -> Result<Response, Refused> {
    let (_, view) = call::read(&node, &parts, &[]).await?;
    let tokens = view.machine.access.tokens().map(about).collect();
    Ok(Json(TokensAnswer { revision: view.applied, tokens }).into_response())
}

pub async fn add_token(State(node): State<Node>, parts: Parts, body: Body) -> Result<Response, Refused> {
    let asked: TokenOf = asked(&parts, body).await?;
    let (token, text) = TokenAsked::new(asked.expires_in_days).make()?;
    let id = token.id.clone();
    let revision = change(&node, &parts, AccessChange::AddToken { account: asked.account, token }).await?;
    let view = node.controller.view();
    let about = view.machine.access.token(&id).map(about).ok_or_else(|| gone("token"))?;
    Ok((StatusCode::CREATED, Json(TokenAnswer { revision, token: text, about })).into_response())
}

pub async fn revoke_token(State(node): State<Node>, Path(id): Path<String>, parts: Parts) -> Result<Response, Refused> {
    Query::read(parts.uri.query(), &[])?;
    let revision = change(&node, &parts, AccessChange::RemoveToken { id }).await?;
    Ok(super::answers::CommittedAnswer { revision }.into_response())
}

pub async fn revocations(State(node): State<Node>, parts: Parts) -> Result<Response, Refused> {
    let (_, view) = call::read(&node, &parts, &[]).await?;
    let each = |(fingerprint, since_ms): (Fingerprint, u64)| RevocationView { fingerprint: fingerprint.to_string(), since_ms };
    let revocations = view.machine.access.revocations().map(each).collect();
    Ok(Json(RevocationsAnswer { revision: view.applied, revocations }).into_response())
}

pub async fn revoke(State(node): State<Node>, parts: Parts, body: Body) -> Result<Response, Refused> {
    let asked: Revoking = asked(&parts, body).await?;
    let no = || Rejection::new(Code::InvalidRequest, "That is no fingerprint").at("fingerprint", &asked.fingerprint, "64 hex digits");
    let fingerprint = Fingerprint::parse(&asked.fingerprint).ok_or_else(no)?;
    let revision = change(&node, &parts, AccessChange::Revoke { fingerprint }).await?;
    Ok(super::answers::CommittedAnswer { revision }.into_response())
}

pub async fn who(State(node): State<Node>, parts: Parts) -> Result<Response, Refused> {
    let (_, view) = call::read(&node, &parts, &[]).await?;
    let asker = caller::asker(&parts)?;
    let open = asker.credential == Credential::Nobody;
    let role = asker.who.role.as_ref().map(RoleAsked::of);
    Ok(Json(WhoAnswer { revision: view.applied, principal: asker.who.principal.0.clone(), open, role }).into_response())
}
