//! A directory is used whole or not at all, and another set takes its place only when it can be used.

use crate::world::{World, broker, controller, on_loopback, write_key};
use anyhow::{Context, Result, ensure};
use std::fs;
use tls::issue::Authority;
use tls::{CA, Certificate, Certificates, NODE, NODE_KEY, WEB, WEB_KEY};

#[test]
fn what_cannot_be_used_is_named() -> Result<()> {
    let (world, stranger) = (World::new()?, World::new()?);
    let of = |identity| world.authority.issue(&on_loopback(identity));
    let two = of(Some(controller(2)))?;
    type Spoil<'a> = Box<dyn Fn(&std::path::Path) -> Result<()> + 'a>;
    let cases: Vec<(&str, Spoil<'_>, &str, &str)> = vec![
        ("no authority", Box::new(|dir| Ok(fs::remove_file(dir.join(CA))?)), CA, "No such file"),
        ("no key", Box::new(|dir| Ok(fs::remove_file(dir.join(NODE_KEY))?)), NODE_KEY, "No such file"),
        ("empty", Box::new(|dir| Ok(fs::write(dir.join(NODE), "")?)), NODE, "no certificate"),
        ("garbage", Box::new(|dir| Ok(fs::write(dir.join(CA), "-----BEGIN CERTIFICATE-----\n!\n")?)), CA, "not PEM"),
        ("another's key", Box::new(|dir| write_key(&dir.join(NODE_KEY), &two.key)), NODE_KEY, "not the key of"),
        ("another's certificate", Box::new(|dir| world.equip(dir, &on_loopback(Some(controller(2))))), NODE, "quorate://controller/2"),
        ("a broker's certificate", Box::new(|dir| world.equip(dir, &on_loopback(Some(broker(1))))), NODE, "quorate://broker/1"),
        ("nobody's certificate", Box::new(|dir| world.equip(dir, &on_loopback(None))), NODE, "names nobody"),
        ("a foreign authority", Box::new(|dir| Ok(fs::write(dir.join(CA), stranger.authority.certificate())?)), NODE, "does not vouch"),
        ("no authority's certificate", Box::new(|dir| Ok(fs::write(dir.join(CA), &two.certificate)?)), CA, "no authority"),
        ("half a web certificate", Box::new(|dir| Ok(fs::write(dir.join(WEB), &two.certificate)?)), WEB_KEY, "key is not"),
    ];
    for (at, (name, spoil, file, why)) in cases.into_iter().enumerate() {
        let dir = world.dir(&format!("case-{at}"))?;
        world.equip(&dir, &on_loopback(Some(controller(1))))?;
        Certificates::read(&dir, controller(1)).with_context(|| format!("{name}: before"))?;
        spoil(&dir)?;
        let message = Certificates::read(&dir, controller(1)).err().map(|no| no.to_string()).unwrap_or_default();
        ensure!(message.contains(&dir.join(file).display().to_string()) && message.contains(why), "{name}: {message}");
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_refused() -> Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let world = World::new()?;
    let dir = world.dir("open")?;
    world.equip(&dir, &on_loopback(Some(controller(1))))?;
    // As systemd hands a credential on: root's.
    let file = fs::metadata(dir.join(NODE_KEY))?;
    let by_root = (file.uid(), file.gid()) == (0, 0);
    for (mode, usable) in [(0o600, true), (0o400, true), (0o440, by_root), (0o444, false), (0o640, false), (0o604, false), (0o666, false)] {
        fs::set_permissions(dir.join(NODE_KEY), fs::Permissions::from_mode(mode))?;
        let read = Certificates::read(&dir, controller(1));
        ensure!(read.is_ok() == usable, "{mode:o}: {read:?}");
        ensure!(usable || read.is_err_and(|no| no.to_string().contains("chmod 600")), "{mode:o}");
    }
    Ok(())
}

#[test]
fn another_set_is_taken_up_and_a_bad_one_is_not() -> Result<()> {
    let world = World::new()?;
    let dir = world.dir("changing")?;
    world.equip(&dir, &on_loopback(Some(controller(1))))?;
    let certificates = Certificates::read(&dir, controller(1))?;
    let shown = || certificates.status();
    certificates.look();
    ensure!(shown().reloads == 0 && shown().failing.is_none(), "what did not change was taken up: {:?}", shown());
    fs::write(dir.join(NODE), "")?;
    for _ in 0..2 {
        certificates.look();
        ensure!(shown().reloads == 0 && shown().failing.is_some(), "{:?}", shown());
    }
    world.equip(&dir, &on_loopback(Some(controller(1))))?;
    certificates.look();
    ensure!(shown().reloads == 1 && shown().failing.is_none(), "{:?}", shown());
    // A web certificate of another authority, and a second authority beside the first.
    let public = Authority::new("Public")?;
    let web = public.issue(&on_loopback(None))?;
    write_key(&dir.join(WEB_KEY), &web.key)?;
    fs::write(dir.join(WEB), &web.certificate)?;
    fs::write(dir.join(CA), [world.authority.certificate(), public.certificate()].concat())?;
    certificates.look();
    ensure!(shown().reloads == 2 && certificates.has_web() && shown().ends.len() == 3, "{:?}", shown());
    ensure!(Certificate::read_all(&dir.join(CA))?.len() == 2);
    Ok(())
}
