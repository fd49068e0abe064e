//! `quorate demo`: three controllers and three storage services as child processes, each with a log file of its own.

use crate::cert;
use crate::cli::DemoFlags;
use crate::{stop, token};
use anyhow::{Context, bail};
use metadata::BrokerId;
use serde_json::Value;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tls::Identity;

const RACKS: [&str; 3] = ["a", "b", "c"];
const FIRST_BROKER: u32 = 101;
/// Where the authority of a secure demo is.
const AUTHORITY: &str = "ca";
/// Who signs in to a secure demo, and where the password is.
const ADMIN: &str = "admin";
const ADMIN_PASSWORD: &str = "admin-password";
const HEALTHY_WITHIN: Duration = Duration::from_secs(60);
const STOPPED_WITHIN: Duration = Duration::from_secs(40);

/// A child that is told to stop by closing its stdin, so that it also stops when this process is killed.
struct Part {
    name: String,
    child: Child,
}

struct Layout {
    data_dir: PathBuf,
    port: u16,
    /// The authority's certificate, where everything speaks TLS.
    ca: Option<PathBuf>,
}

impl Layout {
    fn controller(&self, at: u16) -> String {
        format!("127.0.0.1:{}", self.port + at)
    }

    fn storage(&self, at: u16) -> String {
        format!("127.0.0.1:{}", self.port + 10 + at)
    }

    fn url(&self, at: u16) -> String {
        let scheme = if self.ca.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.controller(at))
    }

    fn mode(&self) -> &'static str {
        if self.ca.is_some() { "require" } else { "off" }
    }

    fn addresses(&self) -> impl Iterator<Item = String> {
        (0..3).map(|at| self.controller(at)).chain((0..3).map(|at| self.storage(at)))
    }
}

/// Runs the demo until it is asked to stop.
///
/// # Errors
/// A port in use, a data directory that cannot be written, a child that ends or does not become healthy.
pub fn run(flags: DemoFlags) -> anyhow::Result<()> {
    if flags.port > u16::MAX - 13 {
        bail!("--port {} leaves no room for six ports: give one up to {}", flags.port, u16::MAX - 13);
    }
    let mut layout = Layout { data_dir: flags.data_dir.clone(), port: flags.port, ca: None };
    for address in layout.addresses() {
        if let Err(error) = TcpListener::bind(&address) {
            bail!("{address} cannot be used ({error}): stop what listens there, or give another --port");
        }
    }
    if flags.fresh {
        wipe(&flags.data_dir)?;
    }
    fs::create_dir_all(&flags.data_dir).with_context(|| format!("{} cannot be made", flags.data_dir.display()))?;
    if flags.secure {
        layout.ca = Some(certify(&layout)?);
        admit(&layout)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let mut parts = Vec::new();
    let ran = runtime.block_on(watch(&layout, &mut parts));
    stop_all(parts);
    ran
}

/// Removes what a demo wrote, and nothing else that may lie in that directory.
fn wipe(dir: &Path) -> anyhow::Result<()> {
    let parts = (1..=3).map(|at| format!("node-{at}")).chain((0..3).map(|at| format!("broker-{}", FIRST_BROKER + at)));
    let password = dir.join(ADMIN_PASSWORD);
    if password.exists() {
        fs::remove_file(&password).with_context(|| format!("{} cannot be removed", password.display()))?;
    }
    for name in parts.chain([AUTHORITY.to_owned()]) {
        let path = dir.join(&name);
        if path.exists() {
            fs::remove_dir_all(&path).with_context(|| format!("{} cannot be removed", path.display()))?;
        }
    }
    Ok(())
}

/// An authority, and for each part what it speaks TLS with.
fn certify(layout: &Layout) -> anyhow::Result<PathBuf> {
    let authority = layout.data_dir.join(AUTHORITY);
    let ca = cert::authority_at(&authority)?;
    let controllers = (1..=3).map(|id| (format!("node-{id}"), Identity::Controller(id)));
    let brokers = (0..3).map(|at| (format!("broker-{}", FIRST_BROKER + at), Identity::Broker(BrokerId(FIRST_BROKER + at))));
    for (name, identity) in controllers.chain(brokers) {
        cert::for_loopback(identity, &authority, &layout.data_dir.join(name).join("tls"))?;
    }
    Ok(ca)
}

/// A password for the first account, unless there is one from before.
fn admit(layout: &Layout) -> anyhow::Result<()> {
    let file = layout.data_dir.join(ADMIN_PASSWORD);
    if file.exists() {
        return Ok(());
    }
    let digits = uuid::Uuid::new_v4().simple().to_string();
    let password = [&digits[..6], &digits[6..12], &digits[20..26], &digits[26..]].join("-");
    fs::write(&file, format!("{password}\n")).with_context(|| format!("{} cannot be written", file.display()))
}

fn start(layout: &Layout, name: String, arguments: &[String]) -> anyhow::Result<Part> {
    let log = layout.data_dir.join(format!("{name}.log"));
    let log = File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
    let program = std::env::current_exe().context("this program's own path is unknown")?;
    let child = Command::new(program)
        .args(arguments)
        .args(["--tls", layout.mode(), "--stop-with-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        // A group of its own: Ctrl-C reaches this process alone, which then stops the parts in order.
        .process_group(0)
        .spawn()
        .with_context(|| format!("{name} does not start"))?;
    Ok(Part { name, child })
}

fn start_all(layout: &Layout, parts: &mut Vec<Part>) -> anyhow::Result<()> {
    let peers = (0..3).map(|at| format!("{}={}", at + 1, layout.controller(at))).collect::<Vec<_>>().join(",");
    let dir = |name: &str| layout.data_dir.join(name).display().to_string();
    for at in 0..3 {
        let name = format!("node-{}", at + 1);
        let arguments =
            ["serve", "--node-id", &(at + 1).to_string(), "--listen", &layout.controller(at), "--peers", &peers, "--data-dir", &dir(&name)];
        let password = layout.data_dir.join(ADMIN_PASSWORD).display().to_string();
        let admin = ["--initial-admin", ADMIN, "--initial-admin-password-file", &password];
        let admin = admin.into_iter().filter(|_| layout.ca.is_some());
        let arguments: Vec<String> = arguments.into_iter().chain(admin).map(str::to_owned).collect();
        parts.push(start(layout, name.clone(), &arguments)?);
    }
    let controllers = (0..3).map(|at| layout.url(at)).collect::<Vec<_>>().join(",");
    for (at, rack) in (0..3).zip(RACKS) {
        let id = FIRST_BROKER + u32::from(at);
        let name = format!("broker-{id}");
        let arguments = [
            "storage",
            "--id",
            &id.to_string(),
            "--controllers",
            &controllers,
            "--listen",
            &layout.storage(at),
            "--data-dir",
            &dir(&name),
            "--rack",
            rack,
        ];
        parts.push(start(layout, name.clone(), &arguments.map(str::to_owned))?);
    }
    Ok(())
}

async fn watch(layout: &Layout, parts: &mut Vec<Part>) -> anyhow::Result<()> {
    println!("Starting three controllers and three storage services; data in {}", layout.data_dir.display());
    start_all(layout, parts)?;
    let asked = stop::asked(false);
    tokio::pin!(asked);
    tokio::select! {
        healthy = healthy(layout, parts) => healthy?,
        () = &mut asked => return Ok(()),
    }
    welcome(layout);
    loop {
        tokio::select! {
            () = &mut asked => return Ok(()),
            () = tokio::time::sleep(Duration::from_secs(1)) => report_ended(layout, parts),
        }
    }
}

async fn healthy(layout: &Layout, parts: &mut [Part]) -> anyhow::Result<()> {
    let mut builder = reqwest::Client::builder().timeout(Duration::from_secs(2)).no_proxy();
    if let Some(token) = token::shown(None)? {
        builder = builder.default_headers([(reqwest::header::AUTHORIZATION, token)].into_iter().collect());
    }
    let client = match &layout.ca {
        // A controller may look, whoever has an account.
        Some(_) => {
            let certificates = tls::Certificates::read(&layout.data_dir.join("node-1").join("tls"), Identity::Controller(1))?;
            builder.use_preconfigured_tls(certificates.client(tls::Expected::Controller)?)
        }
        None => builder,
    };
    let client = client.build()?;
    let started = Instant::now();
    loop {
        for part in parts.iter_mut() {
            if let Some(status) = part.child.try_wait()? {
                bail!("{} ended with {status}; its log is {}/{}.log", part.name, layout.data_dir.display(), part.name);
            }
        }
        let mut online = true;
        for at in 0..3 {
            let ready = client.get(format!("{}/readyz", layout.url(at))).send().await;
            online &= ready.is_ok_and(|answer| answer.status().is_success());
            // Where the first account has not come to a node yet, it would show how to make it.
            online &= layout.ca.is_none() || past_set_up(&client, layout, at).await;
        }
        if online && brokers_online(&client, layout).await == Some(3) {
            println!("All healthy after {:.1} s", started.elapsed().as_secs_f64());
            return Ok(());
        }
        if started.elapsed() > HEALTHY_WITHIN {
            bail!("not healthy after {} s; the logs are in {}", HEALTHY_WITHIN.as_secs(), layout.data_dir.display());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Whether a node knows of an account: who has to be set up is led nowhere else.
async fn past_set_up(client: &reqwest::Client, layout: &Layout, at: u16) -> bool {
    const SET_UP: &str = "/set-up";
    let answer = client.get(format!("{}{SET_UP}", layout.url(at))).send().await;
    answer.is_ok_and(|answer| answer.url().path() != SET_UP)
}

async fn brokers_online(client: &reqwest::Client, layout: &Layout) -> Option<u64> {
    let answer = client.get(format!("{}/api/v1/cluster", layout.url(0))).send().await.ok()?;
    if answer.status() == reqwest::StatusCode::UNAUTHORIZED {
        // Claimed in an earlier run: who is online is told to who is known.
        return Some(3);
    }
    let cluster: Value = answer.json().await.ok()?;
    cluster["brokers"]["online"].as_u64()
}

fn report_ended(layout: &Layout, parts: &mut Vec<Part>) {
    parts.retain_mut(|part| match part.child.try_wait() {
        Ok(Some(status)) => {
            println!("{} ended ({status}); its log is {}/{}.log", part.name, layout.data_dir.display(), part.name);
            false
        }
        _ => true,
    });
}

fn welcome(layout: &Layout) {
    let url = layout.url(0);
    let curl = match &layout.ca {
        Some(ca) => {
            let ca = ca.display();
            println!(
                "\n  Everything speaks TLS. The authority is {ca}: a browser that is to trust these nodes has to be given it.\n  \
                 Sign in as {ADMIN} with the password in {}/{ADMIN_PASSWORD}\n  \
                 For the commands of this program:  export QUORATE_SERVER={url} QUORATE_CA={ca}\n  \
                 and a token:  export QUORATE_TOKEN=$(quorate accounts reset {ADMIN} --local {}/node-1)",
                layout.data_dir.display(),
                layout.data_dir.display()
            );
            format!("curl --cacert {ca} -H \"Authorization: Bearer $QUORATE_TOKEN\"")
        }
        None => "curl".to_owned(),
    };
    println!(
        "\n  Open {url}\n\n  The same cluster, from the other two nodes: {} and {}\n\n  Try:\n  \
         - create a topic in one browser window and watch it appear in another, on another node\n  \
         - kill a broker:  pkill -9 -f 'storage --id 102'   (it is fenced after 9 s, its leaders move)\n  \
         - kill a controller:  pkill -9 -f 'serve --node-id 1'   (the others go on)\n  \
         - the API:  {curl} {url}/api/v1/cluster\n\n  Ctrl-C stops everything; the data stays.\n",
        layout.url(1),
        layout.url(2)
    );
}

/// Storage services first: their controlled shutdown needs the controllers.
fn stop_all(mut parts: Vec<Part>) {
    println!("Stopping");
    for kind in ["broker-", "node-"] {
        let mut kept: Vec<Part> = parts.extract_if(.., |part| part.name.starts_with(kind)).collect();
        kept.iter_mut().for_each(|part| drop(part.child.stdin.take()));
        let until = Instant::now() + STOPPED_WITHIN;
        for part in &mut kept {
            while part.child.try_wait().is_ok_and(|status| status.is_none()) {
                if Instant::now() > until {
                    println!("{} does not stop; it is killed", part.name);
                    drop(part.child.kill());
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}
