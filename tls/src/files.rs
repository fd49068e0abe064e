//! The directory of a process's certificates and keys: read whole, and usable only as a set.

use crate::PROVIDER;
use crate::certificate::Certificate;
use crate::configs::Configs;
use crate::identity::Identity;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Whom this process trusts: one authority or, while one takes another's place, both.
pub const CA: &str = "ca.crt";
/// What this process shows to the others, and its key.
pub const NODE: &str = "node.crt";
pub const NODE_KEY: &str = "node.key";
/// What it shows to browsers under the names in it, and its key; both or neither.
pub const WEB: &str = "web.crt";
pub const WEB_KEY: &str = "web.key";

/// Bytes of a file.
const LONGEST: u64 = 1 << 20;
/// Certificates of one file.
const MOST: usize = 64;

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct Unusable {
    pub path: PathBuf,
    pub why: String,
}

impl Unusable {
    pub(crate) fn new(path: &Path, why: impl ToString) -> Self {
        Unusable { path: path.to_owned(), why: why.to_string() }
    }
}

/// What the files hold: two sets are the same when this is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    ca: Vec<u8>,
    node: Vec<u8>,
    node_key: Vec<u8>,
    web: Option<(Vec<u8>, Vec<u8>)>,
}

fn contents(path: &Path) -> Result<Vec<u8>, Unusable> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
    read.map_err(|error| Unusable::new(path, error))?;
    if bytes.len() as u64 > LONGEST {
        return Err(Unusable::new(path, format!("it has more than {LONGEST} bytes")));
    }
    Ok(bytes)
}

/// Reads a key that nobody but its user may read.
///
/// # Errors
/// When it cannot be read, or others could read it as well.
pub fn private_key(path: &Path) -> Result<Vec<u8>, Unusable> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let file = std::fs::metadata(path).map_err(|error| Unusable::new(path, error))?;
        let mode = file.mode() & 0o777;
        // As systemd hands a credential to a service: root's, and the service's alone by a list beside the mode.
        let handed = (file.uid(), file.gid(), mode) == (0, 0, 0o440);
        if mode & 0o077 != 0 && !handed {
            let why = format!("others than its user can read it (mode {mode:03o}): chmod 600 {}", path.display());
            return Err(Unusable::new(path, why));
        }
    }
    contents(path)
}

impl Contents {
    pub(crate) fn read(dir: &Path) -> Result<Self, Unusable> {
        let (web, key) = (dir.join(WEB), dir.join(WEB_KEY));
        let web = match (web.exists(), key.exists()) {
            (false, false) => None,
            (true, false) => return Err(Unusable::new(&key, format!("{WEB} is there, and its key is not"))),
            (false, true) => return Err(Unusable::new(&web, format!("{WEB_KEY} is there, and its certificate is not"))),
            (true, true) => Some((contents(&web)?, private_key(&key)?)),
        };
        Ok(Contents { ca: contents(&dir.join(CA))?, node: contents(&dir.join(NODE))?, node_key: private_key(&dir.join(NODE_KEY))?, web })
    }
}

impl Certificate {
    /// Reads every certificate of a file.
    ///
    /// # Errors
    /// When it cannot be read, or one of them is none.
    pub fn read_all(path: &Path) -> Result<Vec<Self>, Unusable> {
        let chain = chain(path, &contents(path)?)?;
        chain.iter().map(|der| Certificate::read(der).map_err(|error| Unusable::new(path, error))).collect()
    }
}

/// The certificates of a file: the holder's first.
pub(crate) fn chain(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).take(MOST).collect();
    let chain = read.map_err(|error| Unusable::new(path, format!("it is not PEM: {error}")))?;
    if chain.is_empty() { Err(Unusable::new(path, "there is no certificate in it")) } else { Ok(chain) }
}

pub(crate) fn roots(path: &Path, pem: &[u8]) -> Result<RootCertStore, Unusable> {
    let mut roots = RootCertStore::empty();
    for root in chain(path, pem)? {
        let read = Certificate::read(&root).map_err(|error| Unusable::new(path, error))?;
        if !read.authority {
            return Err(Unusable::new(path, format!("the certificate of {} is no authority's", read.subject)));
        }
        roots.add(root).map_err(|error| Unusable::new(path, error))?;
    }
    Ok(roots)
}

fn certified(path: &Path, pem: &[u8], key_path: &Path, key: &[u8]) -> Result<CertifiedKey, Unusable> {
    let chain = chain(path, pem)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| Unusable::new(key_path, format!("it holds no key: {error}")))?;
    let signing = PROVIDER.key_provider.load_private_key(key).map_err(|error| Unusable::new(key_path, error))?;
    let certified = CertifiedKey::new(chain, signing);
    certified.keys_match().map_err(|_| Unusable::new(key_path, format!("it is not the key of {}", path.display())))?;
    Ok(certified)
}

/// What a process speaks TLS with.
#[derive(Debug)]
pub(crate) struct Set {
    pub node: Arc<CertifiedKey>,
    /// Judges who answers.
    pub verifier: Arc<WebPkiServerVerifier>,
    pub configs: Configs,
    /// Each file's certificate that ends first.
    pub ends: Vec<(&'static str, SystemTime)>,
}

impl Set {
    /// Makes one of what the files in this directory hold, for this process.
    pub(crate) fn of(dir: &Path, contents: &Contents, holder: Identity) -> Result<Self, Unusable> {
        let (ca_path, path, key_path) = (dir.join(CA), dir.join(NODE), dir.join(NODE_KEY));
        let roots = Arc::new(roots(&ca_path, &contents.ca)?);
        let node = certified(&path, &contents.node, &key_path, &contents.node_key)?;
        let read = Certificate::read(&node.cert[0]).map_err(|error| Unusable::new(&path, error))?;
        match read.identity {
            Some(identity) if identity == holder => {}
            Some(other) => return Err(Unusable::new(&path, format!("it is the certificate of {other}, and this is {holder}"))),
            None => return Err(Unusable::new(&path, format!("it names nobody by exactly one URI: this is {holder}"))),
        }
        trusted(&node, &roots).map_err(|why| Unusable::new(&path, format!("{CA} beside it does not vouch for it: {why}")))?;
        let web = contents.web.as_ref().map(|(web, key)| certified(&dir.join(WEB), web, &dir.join(WEB_KEY), key)).transpose()?;
        let mut ends = vec![(CA, ends_first(&ca_path, &contents.ca)?), (NODE, ends_first(&path, &contents.node)?)];
        if let Some((web, _)) = &contents.web {
            ends.push((WEB, ends_first(&dir.join(WEB), web)?));
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.clone(), PROVIDER.clone()).build();
        let verifier = verifier.map_err(|error| Unusable::new(&ca_path, error))?;
        let node = Arc::new(node);
        let configs = Configs::new(&roots, &node, web.map(Arc::new)).map_err(|error| Unusable::new(&path, error))?;
        Ok(Set { node, verifier, configs, ends })
    }
}

/// Whether these authorities vouch for a certificate now.
fn trusted(node: &CertifiedKey, roots: &RootCertStore) -> Result<(), rustls::Error> {
    let parsed = ParsedCertificate::try_from(&node.cert[0])?;
    let algorithms = PROVIDER.signature_verification_algorithms.all;
    rustls::client::verify_server_cert_signed_by_trust_anchor(&parsed, roots, &node.cert[1..], UnixTime::now(), algorithms)
}

fn ends_first(path: &Path, pem: &[u8]) -> Result<SystemTime, Unusable> {
    let ends: Result<Vec<_>, _> = chain(path, pem)?.iter().map(|der| Certificate::read(der).map(|read| read.not_after)).collect();
    let ends = ends.map_err(|error| Unusable::new(path, error))?;
    ends.into_iter().min().ok_or_else(|| Unusable::new(path, io::Error::from(io::ErrorKind::UnexpectedEof)))
}
