//! What an operator writes of a provider, as TOML, and what is wrong with it.

use crate::rules::Rule;
use crate::secure::{ALLOWED, secure};
use metadata::access::{Role, check_role};
use openidconnect::{ClientId, ClientSecret, IssuerUrl, RedirectUrl, Scope};
use serde::Deserialize;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use url::Url;

/// Bytes of the file.
const LONGEST_FILE: u64 = 64 << 10;
/// Bytes of one text in it, and of the secret.
const LONGEST_TEXT: usize = 256;
const LONGEST_SECRET: usize = 4096;
const MOST_SCOPES: usize = 32;
const MOST_RULES: usize = 256;

/// How a provider is spoken to, and what is made of what it says. There is none that was not checked. As written:
///
/// ```toml
/// issuer = "https://idp.example/realm"
/// client_id = "quorate"
/// client_secret_file = "oidc-secret"   # beside this file; left out for a public client
/// scopes = ["profile", "groups"]       # beside openid; without the field, profile
/// groups_claim = "groups"              # as without the field
/// name_claim = "preferred_username"    # as without the field
///
/// [[rule]]                             # the first that names a group of the person decides
/// group = "sre"
/// role = "admin"
///
/// [[rule]]
/// group = "team-a"
/// role = "operator"
/// prefixes = ["team-a."]
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// To the letter: it is compared as a text (OpenID Connect Discovery 1.0 section 4.3).
    pub(crate) issuer: IssuerUrl,
    pub(crate) client_id: ClientId,
    /// None for a public client: PKCE alone proves who asks. Hidden where it is printed.
    pub(crate) client_secret: Option<ClientSecret>,
    pub(crate) redirect: RedirectUrl,
    /// Beside `openid`, which is always asked for.
    pub(crate) scopes: Vec<Scope>,
    pub(crate) groups_claim: String,
    pub(crate) name_claim: String,
    pub(crate) rules: Vec<Rule>,
}

/// Why settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongSettings {
    /// A field holds what it may not.
    #[error("{field}: {value:?} is not allowed: expected {allowed}")]
    Field { field: String, value: String, allowed: String },
    /// It is no such TOML.
    #[error("{field}: {what}")]
    Text { field: String, what: String },
    /// A file that cannot be read, or the secret's that others can read.
    #[error("{field}: {file}")]
    File { field: &'static str, file: tls::Unusable },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    issuer: String,
    client_id: String,
    client_secret_file: Option<PathBuf>,
    #[serde(default = "usual_scopes")]
    scopes: Vec<String>,
    #[serde(default = "usual_groups")]
    groups_claim: String,
    #[serde(default = "usual_name")]
    name_claim: String,
    #[serde(default)]
    rule: Vec<WrittenRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    group: String,
    role: String,
    prefixes: Option<Vec<String>>,
}

fn usual_scopes() -> Vec<String> {
    vec!["profile".to_owned()]
}

fn usual_groups() -> String {
    "groups".to_owned()
}

fn usual_name() -> String {
    "preferred_username".to_owned()
}

fn wrong(field: impl Into<String>, value: impl Into<String>, allowed: impl Into<String>) -> WrongSettings {
    WrongSettings::Field { field: field.into(), value: value.into(), allowed: allowed.into() }
}

fn unusable(field: &'static str, path: &Path, why: impl ToString) -> WrongSettings {
    WrongSettings::File { field, file: tls::Unusable { path: path.to_owned(), why: why.to_string() } }
}

/// A text of 1 to 256 bytes without control characters.
fn text(field: &str, value: String) -> Result<String, WrongSettings> {
    if (1..=LONGEST_TEXT).contains(&value.len()) && !value.chars().any(char::is_control) {
        return Ok(value);
    }
    Err(wrong(field, value, format!("1 to {LONGEST_TEXT} bytes without control characters")))
}

impl Settings {
    /// Reads them. `redirect` is where the provider sends browsers back to, as it was registered there.
    ///
    /// # Errors
    /// The first field at fault, what it holds, and what is allowed; or the file that cannot be used.
    pub fn read(path: &Path, redirect: &Url) -> Result<Self, WrongSettings> {
        let mut written = String::new();
        let file = File::open(path).and_then(|file| file.take(LONGEST_FILE + 1).read_to_string(&mut written));
        file.map_err(|error| unusable("settings", path, error))?;
        if written.len() as u64 > LONGEST_FILE {
            return Err(unusable("settings", path, format!("it has more than {LONGEST_FILE} bytes")));
        }
        Settings::parse(&written, path.parent().unwrap_or(Path::new("")), redirect)
    }

    /// Takes them from a text; the secret's file is sought from this directory on.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn parse(written: &str, directory: &Path, redirect: &Url) -> Result<Self, WrongSettings> {
        // Of a parser's error its own sentence alone: it shows the line, and somebody may have written a secret there.
        let no_toml = |error: toml::de::Error| WrongSettings::Text { field: "settings".to_owned(), what: error.message().to_owned() };
        let deserializer = toml::Deserializer::parse(written).map_err(no_toml)?;
        let written: Written = serde_path_to_error::deserialize(deserializer)
            .map_err(|error| WrongSettings::Text { field: error.path().to_string(), what: error.inner().message().to_owned() })?;
        if !secure(redirect) {
            return Err(wrong("redirect", redirect.as_str(), ALLOWED));
        }
        Ok(Settings {
            issuer: issuer(written.issuer)?,
            client_id: ClientId::new(text("client_id", written.client_id)?),
            client_secret: written.client_secret_file.map(|path| secret(&directory.join(path))).transpose()?,
            redirect: RedirectUrl::from_url(redirect.clone()),
            scopes: scopes(written.scopes)?,
            groups_claim: text("groups_claim", written.groups_claim)?,
            name_claim: text("name_claim", written.name_claim)?,
            rules: rules(written.rule)?,
        })
    }

    /// Who vouches for people, as written.
    pub fn issuer(&self) -> &str {
        self.issuer.as_str()
    }
}

fn issuer(value: String) -> Result<IssuerUrl, WrongSettings> {
    let fits = Url::parse(&value).is_ok_and(|url| secure(&url) && url.query().is_none());
    let known = if fits { IssuerUrl::new(value.clone()).ok() } else { None };
    known.ok_or_else(|| wrong("issuer", value, format!("{ALLOWED}, and without a query")))
}

fn secret(path: &Path) -> Result<ClientSecret, WrongSettings> {
    const FIELD: &str = "client_secret_file";
    let bytes = tls::private_key(path).map_err(|file| WrongSettings::File { field: FIELD, file })?;
    // An editor's last line ends; the secret does not.
    let secret = String::from_utf8(bytes).ok().map(|text| text.trim_end_matches(['\n', '\r']).to_owned());
    let fits = |secret: &String| (1..=LONGEST_SECRET).contains(&secret.len()) && !secret.chars().any(char::is_control);
    match secret.filter(fits) {
        Some(secret) => Ok(ClientSecret::new(secret)),
        None => Err(unusable(FIELD, path, format!("expected one line of 1 to {LONGEST_SECRET} bytes"))),
    }
}

/// The characters are those of RFC 6749 section 3.3.
fn scopes(written: Vec<String>) -> Result<Vec<Scope>, WrongSettings> {
    if written.len() > MOST_SCOPES {
        return Err(wrong("scopes", format!("{} scopes", written.len()), format!("up to {MOST_SCOPES}")));
    }
    let fits = |scope: &str| {
        (1..=LONGEST_TEXT).contains(&scope.len()) && scope.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
    };
    if let Some(scope) = written.iter().find(|scope| !fits(scope)) {
        return Err(wrong("scopes", scope, format!("1 to {LONGEST_TEXT} printable ASCII characters without space, '\"' and '\\'")));
    }
    Ok(written.into_iter().filter(|scope| scope != "openid").map(Scope::new).collect())
}

fn rules(written: Vec<WrittenRule>) -> Result<Vec<Rule>, WrongSettings> {
    if !(1..=MOST_RULES).contains(&written.len()) {
        return Err(wrong("rule", format!("{} rules", written.len()), format!("1 to {MOST_RULES}: without one nobody has a role")));
    }
    let numbered = written.into_iter().enumerate();
    numbered.map(|(at, rule)| self::rule(&format!("rule[{at}]"), rule)).collect()
}

fn rule(at: &str, written: WrittenRule) -> Result<Rule, WrongSettings> {
    let prefixes = format!("{at}.prefixes");
    let role = match (written.role.as_str(), written.prefixes) {
        ("viewer", None) => Role::Viewer,
        ("admin", None) => Role::Admin,
        ("operator", None) => Role::Operator { prefixes: Vec::new() },
        // No prefix would be every topic: who wants that, leaves them out.
        ("operator", Some(none)) if none.is_empty() => return Err(wrong(prefixes, "[]", "at least one; without the field, all topics")),
        ("operator", Some(prefixes)) => Role::Operator { prefixes },
        ("viewer" | "admin", Some(given)) => return Err(wrong(prefixes, given.join(", "), "none: only an operator is limited to some")),
        _ => return Err(wrong(format!("{at}.role"), written.role, "viewer, operator or admin")),
    };
    check_role(&role).map_err(|no| wrong(prefixes, no.value.unwrap_or_default(), no.allowed.unwrap_or(no.detail)))?;
    Ok(Rule { group: text(&format!("{at}.group"), written.group)?, role })
}
