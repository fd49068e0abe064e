//! A node and a storage service begin anew with what the allocator is to do, as the same process with the same arguments.

use crate::process::{address, command};
use crate::wait::until;
use anyhow::{Result, ensure};
use std::process::{Child, Stdio};

const SETTING: &str = "MIMALLOC_PURGE_DELAY";

/// What the kernel says of a process: words with a zero byte behind each.
fn words(child: &Child, file: &str) -> Result<Vec<String>> {
    let text = String::from_utf8(std::fs::read(format!("/proc/{}/{file}", child.id()))?)?;
    Ok(text.split_terminator('\0').map(ToOwned::to_owned).collect())
}

#[tokio::test]
async fn memory_goes_back_to_the_system_soon() -> Result<()> {
    for given in [None, Some("7")] {
        let dir = tempfile::tempdir()?;
        let (host, data_dir) = (address()?.to_string(), dir.path().display().to_string());
        let serve =
            ["serve", "--node-id", "1", "--listen", &host, "--peers", &format!("1={host}"), "--data-dir", &data_dir, "--stop-with-stdin"];
        let url = format!("http://{host}");
        let storage = [
            "storage",
            "--id",
            "101",
            "--listen",
            &address()?.to_string(),
            "--controllers",
            &url,
            "--data-dir",
            &data_dir,
            "--stop-with-stdin",
        ];
        for arguments in [serve, storage] {
            let mut command = command()?;
            command.env_remove(SETTING).envs(given.map(|value| (SETTING, value)));
            let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
            let expected = format!("{SETTING}={}", given.unwrap_or("100"));
            until("the setting is there", async || {
                let environment = words(&child, "environ")?;
                ensure!(environment.iter().filter(|word| word.starts_with(SETTING)).eq([&expected]), "{environment:?}");
                Ok(())
            })
            .await?;
            let kept = words(&child, "cmdline")?;
            ensure!(kept[1..] == arguments, "{kept:?}");
            drop(child.stdin.take());
            until("it stops", async || {
                ensure!(child.try_wait()?.is_some_and(|status| status.success()), "it runs");
                Ok(())
            })
            .await?;
        }
    }
    Ok(())
}
