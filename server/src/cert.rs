//! `quorate cert`: a certificate authority for a cluster, what it signs, and what a certificate says.

use crate::usage::Usage;
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use metadata::access::Fingerprint;
use metadata::{BrokerId, NodeId};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tls::issue::{Authority, Issued, LEAF_HOLDS, Leaf};
use tls::{CA, Certificate, Identity, NODE, NODE_KEY, WEB, WEB_KEY};

/// The authority's key: whoever has it can be every node.
const CA_KEY: &str = "ca.key";

#[derive(Subcommand, Clone, Debug)]
pub enum Cert {
    /// Make the authority of a cluster: ca.crt for everybody, ca.key for nobody but who makes certificates.
    Ca {
        /// Where to write the two; made if it is not there.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
    },
    /// Make a controller's node.crt and node.key, with ca.crt beside them.
    Controller {
        #[arg(long)]
        id: NodeId,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Make a storage service's node.crt and node.key, with ca.crt beside them.
    Broker {
        #[arg(long)]
        id: u32,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Make web.crt and web.key, which browsers are shown under these names.
    Web {
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Show what certificates say: of a file, or of every file of a directory.
    Show { path: PathBuf },
}

/// What every certificate is made with.
#[derive(Args, Clone, Debug)]
pub struct Wanted {
    /// A name or an address that the process is reached by; may be given several times.
    #[arg(long = "host", value_name = "HOST", required = true)]
    hosts: Vec<String>,
    /// Where ca.crt and ca.key are.
    #[arg(long, value_name = "DIR")]
    ca: PathBuf,
    /// Where to write; made if it is not there. What is there is replaced, and taken up within a minute.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Days until it ends.
    #[arg(long, value_name = "DAYS", default_value_t = LEAF_HOLDS.as_secs() / 86_400, value_parser = clap::value_parser!(u64).range(1..=398))]
    days: u64,
}

/// Carries one out.
///
/// # Errors
/// What cannot be read or written, a host that is none, an authority that is there already.
pub fn run(wanted: Cert) -> anyhow::Result<()> {
    match wanted {
        Cert::Ca { dir } => authority(&dir),
        Cert::Controller { id: 0, .. } => Err(Usage("--id 0 is no controller's: 1 or more".to_owned()).into()),
        Cert::Controller { id, wanted } => leaf(Some(Identity::Controller(id)), &wanted, (NODE, NODE_KEY)),
        Cert::Broker { id, .. } if id > BrokerId::MAX => Err(Usage(format!("--id {id} is no broker's: up to {}", BrokerId::MAX)).into()),
        Cert::Broker { id, wanted } => leaf(Some(Identity::Broker(BrokerId(id))), &wanted, (NODE, NODE_KEY)),
        Cert::Web { wanted } => leaf(None, &wanted, (WEB, WEB_KEY)),
        Cert::Show { path } => show(&path),
    }
}

fn made(dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))
}

/// For its user alone, as every file of this process is; a certificate is public, and is nobody's business either.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    // Under another name first: a process that looks now sees the old one whole.
    let unfinished = path.with_extension("new");
    let written = File::create(&unfinished).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&unfinished, path)).with_context(|| format!("{} cannot be written", path.display()))
}

/// The authority's certificate of a demo, made if it is not there.
///
/// # Errors
/// When the directory cannot be written.
pub fn authority_at(dir: &Path) -> anyhow::Result<PathBuf> {
    let path = dir.join(CA);
    if !path.exists() {
        authority(dir)?;
    }
    Ok(path)
}

/// Makes an authority. One that is there is never replaced: everything that it signed would be worth nothing.
///
/// # Errors
/// When there is one already, or the directory cannot be written.
fn authority(dir: &Path) -> anyhow::Result<()> {
    made(dir)?;
    let (path, key_path) = (dir.join(CA), dir.join(CA_KEY));
    if path.exists() || key_path.exists() {
        bail!("{} holds an authority already: give another --dir, or remove it if nothing relies on it", dir.display());
    }
    let authority = Authority::new("Quorate cluster authority")?;
    let mut key = OpenOptions::new().write(true).create_new(true).open(&key_path).with_context(|| format!("{}", key_path.display()))?;
    key.write_all(authority.key().as_bytes()).and_then(|()| key.sync_all()).with_context(|| format!("{}", key_path.display()))?;
    write(&path, authority.certificate())?;
    println!("{} and {}: keep the key where no controller runs", path.display(), key_path.display());
    Ok(())
}

/// The authority of a directory.
///
/// # Errors
/// When its files cannot be read, or others can read its key.
fn read_authority(dir: &Path) -> anyhow::Result<Authority> {
    let (path, key_path) = (dir.join(CA), dir.join(CA_KEY));
    let certificate = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let key = String::from_utf8(tls::private_key(&key_path)?).with_context(|| format!("{} is no PEM", key_path.display()))?;
    Authority::of(&certificate, &key).with_context(|| format!("{} holds no authority", dir.display()))
}

/// Makes what a process on this machine needs, signed by the authority of a directory.
///
/// # Errors
/// As [`run`].
pub fn for_loopback(identity: Identity, ca: &Path, dir: &Path) -> anyhow::Result<()> {
    let hosts = ["127.0.0.1", "localhost", "::1"].map(str::to_owned).to_vec();
    let wanted = Wanted { hosts, ca: ca.to_owned(), dir: dir.to_owned(), days: LEAF_HOLDS.as_secs() / 86_400 };
    issue(Some(identity), &wanted, (NODE, NODE_KEY)).map(drop)
}

fn leaf(identity: Option<Identity>, wanted: &Wanted, files: (&str, &str)) -> anyhow::Result<()> {
    let issued = issue(identity, wanted, files)?;
    println!("{}", line(&wanted.dir.join(files.0), &Certificate::read(&issued.der)?));
    Ok(())
}

fn issue(identity: Option<Identity>, wanted: &Wanted, (file, key_file): (&str, &str)) -> anyhow::Result<Issued> {
    let authority = read_authority(&wanted.ca)?;
    let holds = Duration::from_secs(wanted.days * 86_400);
    let issued = authority.issue(&Leaf { identity, hosts: wanted.hosts.clone(), holds }).map_err(|error| Usage(error.to_string()))?;
    made(&wanted.dir)?;
    // The key first: a certificate without its key is a set that cannot be used, and the one before stays in use.
    write(&wanted.dir.join(key_file), &issued.key)?;
    write(&wanted.dir.join(file), &issued.certificate)?;
    if identity.is_some() {
        trust(&wanted.dir.join(CA), authority.certificate())?;
    }
    Ok(issued)
}

/// Adds an authority to those that a file trusts. One that is there stays: while another takes its place, both are trusted.
fn trust(path: &Path, authority: &str) -> anyhow::Result<()> {
    let there = match fs::read_to_string(path) {
        Ok(there) => there,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
    };
    if there.contains(authority.trim()) {
        return Ok(());
    }
    let line = if there.is_empty() || there.ends_with('\n') { "" } else { "\n" };
    write(path, &format!("{there}{line}{authority}"))
}

fn show(path: &Path) -> anyhow::Result<()> {
    let files: Vec<PathBuf> = if path.is_dir() {
        [CA, NODE, WEB].iter().map(|name| path.join(name)).filter(|file| file.exists()).collect()
    } else {
        vec![path.to_owned()]
    };
    if files.is_empty() {
        bail!("{} holds none of {CA}, {NODE} and {WEB}", path.display());
    }
    for file in files {
        for certificate in Certificate::read_all(&file)? {
            println!("{}", line(&file, &certificate));
        }
    }
    Ok(())
}

fn line(file: &Path, certificate: &Certificate) -> String {
    let who = match certificate.identity {
        Some(identity) => identity.to_string(),
        None if certificate.authority => "an authority".to_owned(),
        None => "nobody".to_owned(),
    };
    format!(
        "{}\n  names     {who}\n  hosts     {}\n  issuer    {}\n  holds     {} to {}\n  serial    {}\n  sha-256   {}",
        file.display(),
        if certificate.hosts.is_empty() { "-".to_owned() } else { certificate.hosts.join(", ") },
        certificate.issuer,
        tls::day(certificate.not_before),
        tls::day(certificate.not_after),
        certificate.serial,
        Fingerprint(certificate.fingerprint),
    )
}
