//! The set of certificates in use. Another takes its place when the files say so, and only as a whole: one that cannot be used leaves
//! the old one where it is.

use crate::files::{Contents, Set, Unusable};
use crate::identity::Identity;
use arc_swap::ArcSwap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How often the files are looked at.
pub const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How often a certificate that ends is said to, and from when on.
const WARN_EVERY: Duration = Duration::from_secs(86_400);
const SOON: Duration = Duration::from_secs(30 * 86_400);

/// The certificates of a process. Clones share them.
#[derive(Clone)]
pub struct Certificates(Arc<Shared>);

/// Whether a certificate with this SHA-256 counts no more.
pub type Revoked = Box<dyn Fn(&[u8; 32]) -> bool + Send + Sync>;

/// How a process speaks TLS.
#[derive(Clone, Debug)]
pub struct Speaking {
    pub certificates: Certificates,
    /// Plain is spoken as well, with those who speak no TLS: while a cluster changes from the one to the other.
    pub plain_too: bool,
}

struct Shared {
    dir: PathBuf,
    holder: Identity,
    set: ArcSwap<Set>,
    /// Which certificates count no more, by what this process knows.
    revoked: OnceLock<Revoked>,
    seen: Mutex<Seen>,
}

/// What the files held when they were last looked at.
struct Seen {
    contents: Contents,
    failing: Option<Unusable>,
    reloads: u64,
    warned: Instant,
}

/// For the metrics.
#[derive(Clone, Debug)]
pub struct Status {
    /// When each file's first certificate ends.
    pub ends: Vec<(&'static str, SystemTime)>,
    /// Why the files as they are now are not in use.
    pub failing: Option<Unusable>,
    /// How often another set took the place of one.
    pub reloads: u64,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificates({} in {})", self.0.holder, self.0.dir.display())
    }
}

impl Certificates {
    /// Reads the files in this directory, for this process.
    ///
    /// # Errors
    /// The first file that cannot be used, and why.
    pub fn read(dir: &Path, holder: Identity) -> Result<Self, Unusable> {
        let contents = Contents::read(dir)?;
        let set = Set::of(dir, &contents, holder)?;
        warn_of_ends(&set);
        let seen = Mutex::new(Seen { contents, failing: None, reloads: 0, warned: Instant::now() });
        Ok(Certificates(Arc::new(Shared { dir: dir.to_owned(), holder, set: ArcSwap::from_pointee(set), revoked: OnceLock::new(), seen })))
    }

    pub(crate) fn set(&self) -> Arc<Set> {
        self.0.set.load_full()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on nobody is called whose certificate counts no more; said once.
    pub fn refuses(&self, revoked: Revoked) {
        drop(self.0.revoked.set(revoked));
    }

    pub(crate) fn revoked(&self, fingerprint: &[u8; 32]) -> bool {
        self.0.revoked.get().is_some_and(|revoked| revoked(fingerprint))
    }

    /// Whether browsers are shown a certificate of their own.
    pub fn has_web(&self) -> bool {
        self.set().configs.web()
    }

    /// Looks at the files again, and takes what they hold when it is another usable set. Reads files: not for a thread that serves.
    pub fn look(&self) {
        let mut seen = self.seen();
        let looked = Contents::read(&self.0.dir).and_then(|contents| {
            if contents == seen.contents {
                return Ok(None);
            }
            Ok(Some((Set::of(&self.0.dir, &contents, self.0.holder)?, contents)))
        });
        match looked {
            Ok(None) => {
                seen.failing = None;
                if seen.warned.elapsed() >= WARN_EVERY {
                    warn_of_ends(&self.set());
                    seen.warned = Instant::now();
                }
            }
            Ok(Some((set, contents))) => {
                warn_of_ends(&set);
                self.0.set.store(Arc::new(set));
                (seen.contents, seen.failing) = (contents, None);
                seen.reloads += 1;
                tracing::info!(dir = %self.0.dir.display(), "other certificates are in use");
            }
            Err(unusable) if seen.failing.as_ref() == Some(&unusable) => {}
            Err(unusable) => {
                tracing::error!(%unusable, "these certificates cannot be used: the ones before stay in use");
                seen.failing = Some(unusable);
            }
        }
    }

    /// What there is to say of them.
    pub fn status(&self) -> Status {
        let seen = self.seen();
        Status { ends: self.set().ends.clone(), failing: seen.failing.clone(), reloads: seen.reloads }
    }
}

fn warn_of_ends(set: &Set) {
    let now = SystemTime::now();
    for (file, ends) in &set.ends {
        let left = ends.duration_since(now).unwrap_or_default();
        if left < SOON {
            tracing::warn!(file, days = left.as_secs() / 86_400, "a certificate ends soon");
        }
    }
}
