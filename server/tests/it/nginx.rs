//! Behind a real nginx, with the configuration that `docs/operations.md` shows: at the root and under a path, with WebSockets
//! and without, compressed, with plain forms, and with feeds that hear of nothing for two minutes.

use crate::api::Api;
use crate::cluster::Cluster;
use crate::event_stream::Events;
use crate::fake;
use crate::process::{address, clean, command};
use crate::wait::{PATIENCE, until};
use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use nix::unistd::geteuid;
use reqwest::{Client, StatusCode, redirect};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};

/// Longer than nginx waits for a silent upstream, 60 s.
const IDLE: Duration = Duration::from_secs(120);
const BASE: &str = "/quorate";

/// The proxy, which ends with the test.
struct Nginx {
    child: Child,
    host: String,
    dir: TempDir,
}

fn program() -> Option<PathBuf> {
    ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"].map(PathBuf::from).into_iter().find(|path| path.is_file())
}

/// The configuration of the document.
fn documented() -> Result<String> {
    let text = include_str!("../../../docs/operations.md");
    let (_, block) = text.split_once("```nginx\n").context("docs/operations.md shows no configuration for nginx")?;
    Ok(block.split_once("```").context("the configuration has no end")?.0.to_owned())
}

/// The configuration for these nodes, below `base`.
fn configuration(apis: &[Api], listen: &str, base: &str, upgrades: bool) -> Result<String> {
    let mut text = documented()?;
    for (number, host) in [(9091, 0), (9092, 1), (9093, 2)].map(|(port, at)| (port, apis.get(at).map(|api| &api.host))) {
        let line = format!("    server 127.0.0.1:{number}");
        let kept = |each: &str| match host {
            Some(host) => Some(each.replace(&format!("127.0.0.1:{number}"), host)),
            None => (!each.starts_with(&line)).then(|| each.to_owned()),
        };
        text = text.lines().filter_map(kept).collect::<Vec<_>>().join("\n");
    }
    ensure!(text.contains("listen 127.0.0.1:8080;") && text.contains("location /quorate {"), "the document shows something else: {text}");
    text = text
        .replace("127.0.0.1:8080", listen)
        .replace("location /quorate {", &format!("location {} {{", if base.is_empty() { "/" } else { base }));
    if !upgrades {
        text = text.lines().filter(|line| !line.contains("Upgrade") && !line.contains("Connection")).collect::<Vec<_>>().join("\n");
    }
    Ok(text)
}

impl Nginx {
    fn start(apis: &[Api], base: &str, upgrades: bool) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("quorate-nginx-").tempdir()?;
        let host = address()?.to_string();
        let user = if geteuid().is_root() { "user root;\n" } else { "" };
        let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {kind};\n")).concat();
        let inner = configuration(apis, &host, base, upgrades)?;
        let text = format!("{user}daemon off;\nworker_processes 1;\npid pid;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}{inner}\n}}\n");
        std::fs::write(dir.path().join("nginx.conf"), text)?;
        // It ends with the test, however that ends.
        let mut command = clean(Command::new("setpriv"));
        command.args(["--pdeathsig", "KILL"]).arg(program().context("nginx is not installed")?).arg("-p").arg(dir.path());
        command.args(["-c", "nginx.conf", "-e", "log"]).stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(File::create(dir.path().join("stderr"))?).spawn().context("nginx does not start")?;
        Ok(Nginx { child, host, dir })
    }

    async fn ready(&self, base: &str) -> Result<()> {
        until("nginx passes on", async || {
            let answer = client()?.get(format!("http://{}{base}/readyz", self.host)).send().await?;
            let said = std::fs::read_to_string(self.dir.path().join("stderr")).unwrap_or_default();
            ensure!(answer.status().is_success(), "{}: {said}", answer.status());
            Ok(())
        })
        .await
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its worker is a process of its own, which the quick end of the first one would leave.
        let _stopped = nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.child.id() as i32), nix::sys::signal::Signal::SIGTERM);
        let _ended = self.child.wait();
    }
}

fn client() -> Result<Client> {
    Ok(Client::builder().timeout(PATIENCE).no_proxy().redirect(redirect::Policy::none()).build()?)
}

/// Every address of ours in a page begins with the base path, and is there.
async fn page_is_whole(origin: &str, base: &str, path: &str) -> Result<()> {
    let answer = client()?.get(format!("{origin}{base}{path}")).header("accept", "text/html").send().await?;
    ensure!(answer.status() == StatusCode::OK, "{path}: {}", answer.status());
    let html = answer.text().await?;
    let mut files = 0;
    for attribute in ["href=\"", "src=\"", "action=\"", "import('", "start('", ",'"] {
        for rest in html.split(attribute).skip(1) {
            let end = rest.find(['"', '\'']).unwrap_or(0);
            let address = &rest[..end];
            if !address.starts_with('/') {
                continue;
            }
            ensure!(address == base || address.starts_with(&format!("{base}/")), "{path} leads out of {base:?}: {address}");
            if address.contains("/pkg/") {
                files += 1;
                let file = client()?.get(format!("{origin}{address}")).send().await?;
                ensure!(file.status() == StatusCode::OK, "{address}: {}", file.status());
            }
        }
    }
    ensure!(files >= 4 && html.contains(&format!("data-base=\"{base}\"")), "{path} has {files} files: {html}");
    Ok(())
}

/// As a browser without scripts sends the form.
async fn plain_form_works(origin: &str, base: &str, name: &str) -> Result<()> {
    let form = client()?
        .post(format!("{origin}{base}/_fn/create_topic"))
        .header("accept", "text/html,application/xhtml+xml")
        .header("origin", origin)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("name={name}&partitions=2&replication_factor=3"));
    let answer = form.send().await?;
    let location = answer.headers().get("location").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    ensure!(answer.status() == StatusCode::SEE_OTHER && location == format!("{base}/topics/{name}"), "{answer:?}");
    let page = client()?.get(format!("{origin}{location}")).send().await?.text().await?;
    ensure!(page.contains(&format!("<title>{name}")), "{page}");
    Ok(())
}

async fn api_works(origin: &str, base: &str, name: &str) -> Result<()> {
    let created = client()?.post(format!("{origin}{base}/api/v1/topics")).json(&json!({ "name": name, "partitions": 40 })).send().await?;
    let location = created.headers().get("location").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    ensure!(created.status() == StatusCode::CREATED && location == format!("{base}/api/v1/topics/{name}"), "{created:?}");
    let whole = client()?.get(format!("{origin}{location}")).send().await?;
    ensure!(whole.headers().get("content-encoding").is_none(), "{whole:?}");
    let whole = whole.bytes().await?;
    let packed = client()?.get(format!("{origin}{location}")).header("accept-encoding", "gzip").send().await?;
    ensure!(packed.headers().get("content-encoding").is_some_and(|value| value == "gzip"), "{packed:?}");
    let packed = packed.bytes().await?;
    ensure!(packed.starts_with(&[0x1f, 0x8b]) && packed.len() < whole.len(), "{} bytes of {}", packed.len(), whole.len());
    let description: Value = client()?.get(format!("{origin}{base}/openapi.json")).send().await?.json().await?;
    ensure!(description["servers"][0]["url"] == if base.is_empty() { "/" } else { base }, "{}", description["servers"]);
    Ok(())
}

/// A verb, over the proxy.
fn verb(origin: &str, base: &str, arguments: &[&str]) -> Result<String> {
    let output = command()?.args(arguments).args(["--server", &format!("{origin}{base}")]).stdin(Stdio::null()).output()?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// A WebSocket through the proxy, open for as long as it takes; says how many frames came.
async fn idle_socket(host: &str, base: &str, until: Instant) -> Result<usize> {
    let address = format!("ws://{host}{base}/api/v1/feed?from=0");
    let (mut socket, _) = timeout(PATIENCE, tokio_tungstenite::connect_async(address)).await.context("the socket does not open")??;
    let mut frames = 0;
    while Instant::now() < until {
        let message = timeout(PATIENCE, socket.next()).await.context("the socket is silent")?.context("the socket ended")??;
        frames += usize::from(matches!(message, Message::Text(_)));
    }
    Ok(frames)
}

async fn idle_stream(api: &Api, host: &str, base: &str, until: Instant) -> Result<usize> {
    let behind = Api::new(api.node, host.to_owned())?;
    let mut events = Events::open_at(&behind, base, "from=0", None).await?;
    let mut frames = 0;
    while Instant::now() < until {
        events.next().await?.context("the stream ended")?.frame()?;
        frames += 1;
    }
    Ok(frames)
}

async fn all_of_it(cluster: &Cluster, base: &str, upgrades: bool) -> Result<Nginx> {
    let apis = cluster.every_api();
    let nginx = Nginx::start(&apis, base, upgrades)?;
    nginx.ready(base).await?;
    let (origin, names) = (format!("http://{}", nginx.host), if upgrades { "with" } else { "without" });
    for path in ["", "/", "/topics", "/create-topic", "/brokers/101", "/quorum", "/topics/not-there"] {
        if path == "/topics/not-there" || (path.is_empty() && base.is_empty()) {
            continue;
        }
        page_is_whole(&origin, base, path).await?;
    }
    plain_form_works(&origin, base, &format!("{names}.form")).await?;
    api_works(&origin, base, &format!("{names}.api")).await?;
    let listed = verb(&origin, base, &["topics", "list"])?;
    ensure!(listed.contains(&format!("{names}.form")) && listed.contains(&format!("{names}.api")), "{listed}");
    let opened = tokio_tungstenite::connect_async(format!("ws://{}{base}/api/v1/feed", nginx.host)).await;
    match opened {
        Ok(_) => ensure!(upgrades, "an upgrade got through without being passed on"),
        Err(Error::Http(answer)) => ensure!(!upgrades && answer.status() == 426, "{answer:?}"),
        Err(error) => return Err(error.into()),
    }
    let behind = Api::new(apis[0].node, nginx.host.clone())?;
    Events::open_at(&behind, base, "from=0", None).await?.next_of("commit").await?.frame()?;
    Ok(nginx)
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_nginx() -> Result<()> {
    if program().is_none() {
        writeln!(std::io::stderr(), "behind_nginx is skipped: nginx is not installed")?;
        return Ok(());
    }
    let below = Cluster::start(3, &[fake::LONG_SESSION, &["--base-path", BASE]].concat()).await?;
    fake::online(&below, fake::THREE).await?;
    let with = all_of_it(&below, BASE, true).await?;
    let without = all_of_it(&below, BASE, false).await?;
    // Nodes are found without the path too, as by storage services and probes.
    let api = below.api(1)?;
    let created = api.get("/topics/with.api").ok().await?;
    ensure!(created.body["topic"]["name"] == "with.api", "{created:?}");
    let end = Instant::now() + IDLE;
    let (socket, stream) = tokio::join!(idle_socket(&with.host, BASE, end), idle_stream(&api, &without.host, BASE, end));
    let (socket, stream) = (socket?, stream?);
    ensure!(socket >= 60 && stream >= 60, "in two minutes {socket} frames over the socket and {stream} over the stream");
    drop((with, without));
    below.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_nginx_at_the_root() -> Result<()> {
    if program().is_none() {
        writeln!(std::io::stderr(), "behind_nginx_at_the_root is skipped: nginx is not installed")?;
        return Ok(());
    }
    let cluster = fake::cluster().await?;
    for upgrades in [true, false] {
        drop(all_of_it(&cluster, "", upgrades).await?);
    }
    cluster.passed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_a_dot_at_its_end_is_the_same_name() -> Result<()> {
    let cluster = Cluster::start(1, &["--host-names", "node.example,other.example."]).await?;
    let api = cluster.api(1)?;
    for (host, origin, status) in [
        ("node.example.", None, 200),
        ("NODE.example.:9091", None, 200),
        ("other.example", None, 200),
        ("localhost.", None, 200),
        ("node.example..", None, 421),
        ("elsewhere.example.", None, 421),
        ("node.example.", Some("http://node.example"), 400),
        ("node.example", Some("https://node.example."), 400),
        ("node.example.", Some("http://elsewhere.example."), 403),
        ("node.example.:9091", Some("http://node.example.:9092"), 403),
    ] {
        // A body that says nothing is refused only once the names are found to be right.
        let call = if origin.is_some() { api.post("/topics", json!({})) } else { api.get("/cluster") };
        let call = call.header("host", host);
        let answer = match origin {
            Some(origin) => call.header("origin", origin).send().await?,
            None => call.send().await?,
        };
        ensure!(answer.status == status, "{host} {origin:?}: {answer:?}");
    }
    cluster.passed().await
}
