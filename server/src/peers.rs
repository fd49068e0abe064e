//! The controllers of a cluster as the command line names them.

use crate::usage::Usage;
use std::collections::BTreeMap;

/// Reads `1=HOST:PORT,2=…` into URLs with this scheme by node id.
///
/// # Errors
/// [`Usage`] with the part at fault.
pub fn peers(text: &str, scheme: &str) -> Result<BTreeMap<u64, String>, Usage> {
    let no = |part: &str, what: &str| Usage(format!("--peers: {part:?} {what}; expected ID=HOST:PORT,ID=HOST:PORT,…"));
    let mut peers = BTreeMap::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (id, address) = part.split_once('=').ok_or_else(|| no(part, "has no ="))?;
        let id: u64 = id.trim().parse().ok().filter(|id| *id > 0).ok_or_else(|| no(part, "has no node id of 1 or more"))?;
        let address = address.trim();
        let port = address.rsplit_once(':').and_then(|(host, port)| port.parse::<u16>().ok().filter(|port| *port > 0 && !host.is_empty()));
        port.ok_or_else(|| no(part, "has no HOST:PORT"))?;
        if peers.insert(id, format!("{scheme}://{address}")).is_some() {
            return Err(no(part, "names a node twice"));
        }
    }
    Ok(peers)
}
