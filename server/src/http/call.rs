//! What all calls share: the deadline, the idempotency key, If-Match, the preview, dry runs, and how fresh a read must be.

use super::Node;
use super::caller;
use super::problem::Refused;
use super::query::Query;
use controller::hub::View;
use controller::{Asker, LONGEST_DEADLINE, Submission};
use http::request::Parts;
use metadata::contract::SESSION;
use metadata::{BrokerId, Code, Index, Intent, KeyUse, Principal, Rejection, SecretHash};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
const TIMEOUT: &str = "Quorate-Timeout-Ms";
const PREVIEW: &str = "Quorate-Preview";
const IF_MATCH: &str = "If-Match";

fn header<'a>(parts: &'a Parts, name: &str, allowed: &str) -> Result<Option<&'a str>, Refused> {
    let mut values = parts.headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match value.to_str() {
        Ok(text) if values.next().is_none() => Ok(Some(text.trim())),
        _ => Err(bad_header(name, &String::from_utf8_lossy(value.as_bytes()), allowed)),
    }
}

fn bad_header(name: &str, value: &str, allowed: &str) -> Refused {
    Rejection::new(Code::InvalidRequest, format!("The header {name} cannot be used")).at(name, value, allowed).into()
}

/// When the call has to be answered.
///
/// # Errors
/// INVALID_REQUEST when the header is no number of milliseconds up to ten seconds.
pub fn deadline(parts: &Parts) -> Result<Instant, Refused> {
    let longest = LONGEST_DEADLINE.as_millis() as u64;
    let allowed = "1 to 10000";
    let given = header(parts, TIMEOUT, allowed)?;
    let timeout = match given {
        Some(text) => text.parse().ok().filter(|ms| (1..=longest).contains(ms)).ok_or_else(|| bad_header(TIMEOUT, text, allowed))?,
        None => longest,
    };
    Ok(Instant::now() + Duration::from_millis(timeout))
}

/// The proof of the session of a broker, where it gives one.
///
/// # Errors
/// INVALID_REQUEST when the secret is too short to be one.
pub fn proof(parts: &Parts) -> Result<Option<SecretHash>, Refused> {
    let allowed = "32 to 128 visible ASCII characters that nobody can guess";
    match header(parts, SESSION, allowed)? {
        Some(secret) if (32..=128).contains(&secret.len()) && secret.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(Some(SecretHash::of(secret)))
        }
        // It may be nearly right: a secret is not repeated.
        Some(_) => Err(bad_header("Quorate-Session", "something else", allowed)),
        None => Ok(None),
    }
}

/// A mutation's frame.
pub struct Call {
    pub deadline: Instant,
    pub dry_run: bool,
    pub if_match: Option<Index>,
    key: Option<KeyUse>,
    preview: Option<String>,
    asker: Asker,
    proof: Option<SecretHash>,
}

impl Call {
    /// Reads a mutation's headers and query. `body` takes part in what an idempotency key stands for.
    ///
    /// # Errors
    /// INVALID_REQUEST with the header or parameter, UNAUTHENTICATED where nobody found out who asks.
    pub fn read(parts: &Parts, body: &[u8]) -> Result<Self, Refused> {
        Call::of(parts, body, caller::asker(parts)?.clone())
    }

    fn of(parts: &Parts, body: &[u8], asker: Asker) -> Result<Self, Refused> {
        let query = Query::read(parts.uri.query(), &["dry_run"])?;
        let dry_run = query.parse("dry_run", "true, false")?.unwrap_or(false);
        let key_allowed = "1 to 128 visible ASCII characters";
        let key = match header(parts, IDEMPOTENCY_KEY, key_allowed)? {
            Some(key) if (1..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Some(key_use(parts, body, &asker.who.principal, key))
            }
            Some(key) => return Err(bad_header(IDEMPOTENCY_KEY, key, key_allowed)),
            None => None,
        };
        let match_allowed = "an index in double quotes, as in the ETag";
        let if_match = match header(parts, IF_MATCH, match_allowed)? {
            Some(tag) => {
                let index = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).and_then(|index| index.parse().ok());
                Some(index.ok_or_else(|| bad_header(IF_MATCH, tag, match_allowed))?)
            }
            None => None,
        };
        let preview = header(parts, PREVIEW, "the preview of a dry run")?.map(str::to_owned);
        Ok(Call { deadline: deadline(parts)?, dry_run, if_match, key, preview, asker, proof: None })
    }

    /// The same of a broker, which may prove that it is the one that it says.
    ///
    /// # Errors
    /// As [`Call::read`], [`proof`] and [`caller::speaks_for`].
    pub fn of_broker(parts: &Parts, body: &[u8], id: BrokerId) -> Result<Self, Refused> {
        let mut asker = caller::speaks_for(parts, id)?;
        // While the cluster is open, it is the broker that it says.
        asker.who.principal = Principal::broker(id);
        Ok(Call { proof: proof(parts)?, ..Call::of(parts, body, asker)?.without_if_match()? })
    }

    /// Refuses what this call has no use for.
    ///
    /// # Errors
    /// INVALID_REQUEST when If-Match was given.
    pub fn without_if_match(self) -> Result<Self, Refused> {
        match self.if_match {
            Some(index) => Err(bad_header(IF_MATCH, &format!("\"{index}\""), "nothing: there is no object to compare with")),
            None => Ok(self),
        }
    }

    /// The intent with everything that goes with it; a preview in the body stands before the header's.
    pub fn submission(&self, intent: Intent, preview: Option<String>) -> Submission {
        Submission {
            key: self.key.clone(),
            preview: preview.or_else(|| self.preview.clone()),
            dry_run: self.dry_run,
            proof: self.proof,
            ..self.asker.submission(intent)
        }
    }
}

fn key_use(parts: &Parts, body: &[u8], principal: &Principal, key: &str) -> KeyUse {
    let hash = Sha256::new().chain_update(principal.0.as_bytes()).chain_update([0]).chain_update(key.as_bytes()).finalize();
    let request = Sha256::new()
        .chain_update(parts.method.as_str())
        .chain_update([0])
        .chain_update(parts.uri.path())
        .chain_update([0])
        .chain_update(parts.uri.query().unwrap_or_default())
        .chain_update([0])
        .chain_update(body)
        .finalize();
    let mut fingerprint = [0; 16];
    fingerprint.copy_from_slice(&request[..16]);
    KeyUse { hash: hash.into(), fingerprint }
}

/// The parameters that every read knows.
const READ: [&str; 2] = ["min_revision", "consistency"];

/// Reads a read's query and waits until this node is as fresh as it asks.
///
/// # Errors
/// INVALID_REQUEST, REVISION_NOT_REACHED, NO_LEADER.
pub async fn read(node: &Node, parts: &Parts, more: &[&str]) -> Result<(Query, Arc<View>), Refused> {
    let known: Vec<&str> = more.iter().copied().chain(READ).collect();
    let query = Query::read(parts.uri.query(), &known)?;
    let deadline = deadline(parts)?;
    let linearizable = query.check("consistency", "local, linearizable", |text| match text {
        "linearizable" => Some(true),
        "local" => Some(false),
        _ => None,
    })?;
    if let Some(index) = query.parse::<Index>("min_revision", "an index")? {
        node.controller.wait_applied(index, deadline).await?;
    }
    if linearizable == Some(true) {
        node.controller.linearizable(deadline).await?;
    }
    // While it waited, what was shown may have been revoked.
    node.controller.who(&caller::asker(parts)?.credential)?;
    Ok((query, node.controller.view()))
}
