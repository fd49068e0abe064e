//! Who the holder of a certificate is: exactly one URI in its subject's alternative names, and never its common name.

use metadata::BrokerId;
use metadata::NodeId;
use std::fmt;
use std::str::FromStr;

const SCHEME: &str = "quorate://";

/// A process of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    Controller(NodeId),
    Broker(BrokerId),
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Identity::Controller(id) => write!(f, "{SCHEME}controller/{id}"),
            Identity::Broker(id) => write!(f, "{SCHEME}broker/{id}"),
        }
    }
}

/// No identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names nobody: expected quorate://controller/1 or quorate://broker/101")]
pub struct NoIdentity(String);

impl FromStr for Identity {
    type Err = NoIdentity;

    fn from_str(text: &str) -> Result<Self, NoIdentity> {
        let no = || NoIdentity(text.to_owned());
        let (kind, id) = text.strip_prefix(SCHEME).and_then(|rest| rest.split_once('/')).ok_or_else(no)?;
        let identity = match kind {
            "controller" => id.parse().ok().filter(|id| *id > 0).map(Identity::Controller),
            "broker" => id.parse().ok().filter(|id| *id <= BrokerId::MAX).map(|id| Identity::Broker(BrokerId(id))),
            _ => None,
        };
        // One spelling each: 01 and +1 are not it.
        identity.filter(|identity| identity.to_string() == text).ok_or_else(no)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_spelling_each() {
        for good in
            ["quorate://controller/1", "quorate://controller/18446744073709551615", "quorate://broker/0", "quorate://broker/2147483647"]
        {
            assert_eq!(good.parse::<Identity>().map(|identity| identity.to_string()), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "controller/1",
            "quorate://controller/0",
            "quorate://controller/01",
            "quorate://controller/+1",
            "quorate://controller/1/",
            "quorate://controller/1?x",
            "quorate://broker/2147483648",
            "quorate://Broker/1",
            "QUORATE://broker/1",
            "https://broker/1",
        ] {
            assert!(bad.parse::<Identity>().is_err(), "{bad}");
        }
    }

    proptest! {
        #![proptest_config(damage::cases(1_000))]

        #[test]
        fn any_text_is_one_or_none(text in "(quorate://)?(controller|broker)?/?[0-9+a-z/]{0,12}") {
            if let Ok(identity) = text.parse::<Identity>() {
                prop_assert_eq!(identity.to_string(), text);
            }
        }
    }
}
