//! How a cluster over TLS is set up.

use crate::fake;
use crate::people;
use crate::process::command;
use crate::tls::{Vouched, secured};
use crate::wait::until;
use anyhow::{Result, ensure};
use metadata::BrokerId;
use reqwest::Method;
use serde_json::json;
use tls::Identity;

/// Nobody has an account, and there is TLS: nothing but health and the page that makes the first account is answered, and that takes what
/// is in a file of the node.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_set_up_by_who_can_read_a_nodes_files() -> Result<()> {
    let vouched = Vouched::new()?;
    let mut cluster = secured(&vouched, 3).await?;
    for id in cluster.ids() {
        cluster.set_flag(id, "--insecure", "false")?;
        cluster.stop(id).await?;
    }
    for id in cluster.ids() {
        cluster.start_again(id)?;
    }
    cluster.ready().await?;
    let file = |id: u64| cluster.data_dir(id).join("setup-code");
    let code = until("each node has a code of its own", async || {
        let codes = cluster.ids().into_iter().map(|id| std::fs::read_to_string(file(id))).collect::<Result<Vec<_>, _>>()?;
        ensure!(codes.iter().collect::<std::collections::BTreeSet<_>>().len() == 3, "{codes:?}");
        Ok(codes[0].clone())
    })
    .await?;
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(file(1))?.permissions());
    ensure!(mode & 0o077 == 0 && !cluster.log(1).contains(code.trim()), "{mode:o}");
    let (one, two) = (cluster.api(1)?, cluster.api(2)?);
    for (path, status) in
        [("/healthz", 200), ("/readyz", 200), ("/openapi.json", 200), ("/metrics", 401), ("/api/v1/topics", 401), ("/api/v1/feed", 401)]
    {
        let answer = one.at(Method::GET, path).send().await?;
        ensure!(answer.status == status && !answer.headers.contains_key("quorate-security"), "{path}: {answer:?}");
    }
    let led = one.at(Method::GET, "/topics").header("accept", "text/html").send().await?;
    ensure!(led.status == 303 && led.text("location") == "/set-up", "{led:?}");
    one.post("/accounts", json!({ "name": "eve", "role": "admin", "token": {} })).refused(401, "UNAUTHENTICATED").await?;
    // A broker's certificate is known all the while, and says nothing of people.
    let broker = one.clone().with_tls(vouched.caller(Identity::Broker(BrokerId(101)))?)?;
    broker.post("/brokers", fake::registration(101, "a")).ok().await?;
    let fields = |code: &'static str| [("code", code), ("name", "ana"), ("password", people::PASSWORD)];
    let wrong = people::post(&one, None, "/set-up", &fields("00000-00000-00000-00000")).await?;
    ensure!(wrong.status == 401 && wrong.cookie.is_none(), "{wrong:?}");
    // The code of another node is not this one's.
    let foreign = people::post(&two, None, "/set-up", &[("code", code.trim()), ("name", "ana"), ("password", people::PASSWORD)]).await?;
    ensure!(foreign.status == 401, "{foreign:?}");
    let made = people::post(&one, None, "/set-up", &[("code", code.trim()), ("name", "ana"), ("password", people::PASSWORD)]).await?;
    let cookie = made.cookie.clone().unwrap_or_default();
    ensure!(made.status == 303 && cookie.starts_with("__Host-quorate="), "{made:?}");
    let set = made.headers.get("set-cookie").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    ensure!(set.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{set}");
    let answer = one.get("/whoami").header("cookie", &cookie).ok().await?;
    ensure!(answer.body["principal"] == "user:ana", "{answer:?}");
    until("no code is left", async || {
        ensure!(cluster.ids().into_iter().all(|id| !file(id).exists()));
        Ok(())
    })
    .await?;
    let token = command()?.args(["accounts", "reset", "ana", "--local", &cluster.data_dir(1).display().to_string()]).output()?;
    let token = String::from_utf8(token.stdout)?;
    let token = token.split_whitespace().find(|word| word.starts_with("qrt_")).map(str::to_owned).unwrap_or_default();
    cluster.every_api().iter().for_each(|api| api.shows(&token));
    cluster.passed().await
}
