//! The address of a page that shows the cluster as of an index (docs/adr/0037-time-travel.md).

use crate::base::{AS_OF, leads_elsewhere};
use metadata::Index;

/// The address of the same page as of another index, or of now. A path that leads elsewhere is none of ours.
pub fn address(path: &str, search: &str, index: Option<Index>) -> String {
    let index = index.map(|index| [AS_OF, "=", &index.to_string()].concat());
    let others = search.trim_start_matches('?').split('&').filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(AS_OF));
    let pairs: Vec<&str> = others.chain(index.as_deref()).collect();
    let path = if leads_elsewhere(path) { "/" } else { path };
    if pairs.is_empty() { path.to_owned() } else { [path, "?", &pairs.join("&")].concat() }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn only_the_index_of_an_address_changes() {
        assert_eq!(address("/", "", Some(7)), "/?as_of=7");
        assert_eq!(address("/topics", "search=a%20b&as_of=7&sort=name", Some(8)), "/topics?search=a%20b&sort=name&as_of=8");
        assert_eq!(address("/topics/a", "tab=placement&as_of=7", None), "/topics/a?tab=placement");
        assert_eq!(address("/topics", "as_of=7", None), "/topics");
        assert_eq!(address("//evil.example/", "as_of=7", Some(8)), "/?as_of=8");
        assert_eq!(address("/\\evil.example/", "", None), "/");
    }
}
