//! Requests from anywhere: whatever a body, a query or a header holds, it is read or refused by name, without a panic and
//! without more memory than it is allowed.

use super::body::{self, EIGHT_MIB, ONE_MIB};
use super::brokers::{Beating, IsrChanges, Registering};
use super::call::Call;
use super::caller::Shown;
use super::problem::Refused;
use super::query::Query;
use super::quorum::Replace;
use super::topics::{Asked, ConfigChange};
use super::{batch, call};
use axum::body::{Body, Bytes};
use controller::Asker;
use damage::{cases, stretch};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request};
use metadata::access::{Credential, Who};
use metadata::{Code, Intent, Principal};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A kind of body: how it is read, and a good one.
type Kind = (fn(&[u8]) -> Result<(), Refused>, &'static str);

const KINDS: [Kind; 7] = [
    (
        read::<Asked>,
        r#"{"name":"orders","partitions":3,"replication_factor":2,"assignments":[[101,102]],"configs":{"retention.ms":"1"},"preview":"p"}"#,
    ),
    (read::<batch::Batch>, r#"{"topics":[{"name":"a"},{"name":"b","partitions":1}],"preview":null}"#),
    (
        read::<ConfigChange>,
        r#"{"ops":[{"key":"retention.ms","op":"set","value":"1"},{"key":"cleanup.policy","op":"append","value":"compact"}]}"#,
    ),
    (
        read::<Registering>,
        r#"{"id":101,"incarnation_id":"00000000-0000-0000-0000-000000000001","cluster_id":null,"rack":"a","endpoints":[{"name":"P","host":"h","port":9092}],"push_url":"http://127.0.0.1:1/","previous_broker_epoch":7}"#,
    ),
    (read::<Beating>, r#"{"broker_epoch":7,"metadata_index":9,"want_fence":false,"want_shut_down":true}"#),
    (
        read::<IsrChanges>,
        r#"{"broker_epoch":7,"changes":[{"topic_id":"00000000-0000-0000-0000-000000000001","partition":0,"leader_epoch":1,"partition_epoch":2,"isr":[{"broker":101,"broker_epoch":7}],"recovery_state":"recovered"}]}"#,
    ),
    (read::<Replace>, r#"{"remove":3,"add":{"id":4,"url":"http://127.0.0.1:4"}}"#),
];

fn json_headers() -> HeaderMap {
    [(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))].into_iter().collect()
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<(), Refused> {
    body::json::<T>(&json_headers(), bytes).map(drop)
}

/// Whether it was taken; a refusal names the field, what it held and what is allowed, and is not much longer than what it refuses.
fn taken(result: Result<(), Refused>, length: usize) -> Result<bool, TestCaseError> {
    let Err(Refused(refusal)) = result else { return Ok(true) };
    let no = &refusal.rejection;
    prop_assert_eq!(no.code, Code::InvalidRequest);
    let texts = [&no.field, &no.value, &no.allowed];
    prop_assert!(no.field.is_some() && no.value.is_some() && no.allowed.as_ref().is_some_and(|text| !text.is_empty()), "{:?}", no);
    let said: usize = texts.iter().map(|text| text.as_ref().map_or(0, String::len)).sum::<usize>() + no.detail.len();
    // A replacement character is three times as long as the byte that it stands for.
    prop_assert!(said <= 1_000 + 12 * length, "{} bytes are said of {}", said, length);
    Ok(false)
}

/// A good body in which a stretch was replaced by a token or by any bytes.
fn damaged() -> impl Strategy<Value = (Kind, Vec<u8>)> {
    (prop::sample::select(&KINDS[..]), stretch(damage::JSON)).prop_map(|(kind, stretch)| {
        let mut bytes = kind.1.as_bytes().to_vec();
        stretch.apply(&mut bytes);
        (kind, bytes)
    })
}

#[test]
fn every_good_body_is_read_and_no_part_of_it() -> Result<(), TestCaseError> {
    for (read, good) in KINDS {
        prop_assert!(taken(read(good.as_bytes()), good.len())?, "{}", good);
        for end in 0..good.len() {
            prop_assert!(!taken(read(&good.as_bytes()[..end]), end)?, "{}", &good[..end]);
        }
        let twice = [good, good].concat();
        prop_assert!(!taken(read(twice.as_bytes()), twice.len())?, "two bodies for one");
    }
    Ok(())
}

#[test]
fn nesting_without_an_end_is_refused() -> Result<(), TestCaseError> {
    for (open, count) in [("[", ONE_MIB), ("{\"a\":", ONE_MIB / 5), ("{\"topics\":[", ONE_MIB / 11), ("{\"configs\":{", ONE_MIB / 12)] {
        let text = open.repeat(count);
        for (read, _) in KINDS {
            prop_assert!(!taken(read(text.as_bytes()), text.len())?);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn any_body_is_read_or_refused_by_name(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for (read, _) in KINDS {
            taken(read(&bytes), bytes.len())?;
        }
    }

    #[test]
    fn damaged_bodies_are_read_or_refused_by_name((kind, bytes) in damaged()) {
        taken(kind.0(&bytes), bytes.len())?;
    }

    #[test]
    fn any_query_holds_known_parameters_once_or_is_refused(text in "[ -~]{0,60}|(from|limit|%66rom|x)(=|%3D|&)?[+%&=a-f0-9]{0,12}(&from=[0-9]{1,3})?") {
        let read = Query::read(Some(&text), &["from", "limit"]);
        let pairs: Vec<_> = url::form_urlencoded::parse(text.as_bytes()).collect();
        let names: std::collections::BTreeSet<_> = pairs.iter().map(|(name, _)| name.clone()).collect();
        let fine = names.len() == pairs.len() && names.iter().all(|name| matches!(&**name, "from" | "limit"));
        prop_assert_eq!(read.is_ok(), fine, "{}", &text);
        match read {
            Ok(query) => {
                let expected = pairs.iter().find(|(name, _)| name == "from").map(|(_, value)| value.to_string());
                prop_assert_eq!(query.text("from").map(str::to_owned), expected.clone());
                let number = query.parse::<u64>("from", "a number");
                prop_assert_eq!(number.is_ok(), expected.is_none_or(|text| text.parse::<u64>().is_ok()));
                taken(number.map(drop), text.len())?;
            }
            Err(refused) => drop(taken(Err(refused), text.len())?),
        }
    }

    #[test]
    fn any_header_is_read_or_refused_by_name(name in 0usize..4, bytes in prop_oneof!["\"?[0-9+ -]{0,22}\"?", "[ -~]{0,140}"].prop_map(String::into_bytes).boxed().prop_union(prop::collection::vec(any::<u8>(), 0..140).boxed())) {
        let Ok(value) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
        let name = ["idempotency-key", "if-match", "quorate-timeout-ms", "quorate-preview"][name];
        let text = value.to_str().ok().map(str::trim).map(str::to_owned);
        let fine = text.is_some_and(|text| match name {
            "idempotency-key" => (1..=128).contains(&text.len()) && text.bytes().all(|byte| (0x21..=0x7e).contains(&byte)),
            "if-match" => text.len() > 2 && text.starts_with('"') && text.ends_with('"') && text[1..text.len() - 1].parse::<u64>().is_ok(),
            "quorate-timeout-ms" => text.parse::<u64>().is_ok_and(|ms| (1..=10_000).contains(&ms)),
            _ => true,
        });
        let call = Call::read(&parts("", &[(name, value.clone())]), b"{}");
        prop_assert_eq!(call.is_ok(), fine, "{}: {:?}", name, value);
        taken(call.map(drop), bytes.len())?;
        // Given twice, none of the two is believed.
        let twice = Call::read(&parts("", &[(name, value.clone()), (name, value)]), b"{}");
        prop_assert!(!taken(twice.map(drop), bytes.len())?);
    }

    #[test]
    fn a_key_stands_for_one_request(query in prop::sample::select(vec!["", "dry_run=false"]), key in "[!-~]{1,128}", body in prop::collection::vec(any::<u8>(), 0..40), other in prop::collection::vec(any::<u8>(), 0..40)) {
        let key = HeaderValue::from_str(&key).map_err(|error| TestCaseError::reject(error.to_string()))?;
        let used = |query: &str, body: &[u8], who| -> Option<metadata::KeyUse> {
            let call = Call::read(&asked_by(who, parts(query, &[("idempotency-key", key.clone())])), body).ok()?;
            call.submission(Intent::DeleteTopic { name: "t".to_owned(), expected: None }, None).key
        };
        let first = used(query, &body, Principal::anonymous()).ok_or_else(|| TestCaseError::fail("no key"))?;
        let again = used(query, &other, Principal::anonymous()).ok_or_else(|| TestCaseError::fail("no key"))?;
        prop_assert_eq!(first.hash, again.hash);
        prop_assert_eq!(first.fingerprint == again.fingerprint, body == other);
        let elsewhere = used("dry_run=true", &body, Principal::controller(1)).ok_or_else(|| TestCaseError::fail("no key"))?;
        prop_assert!(elsewhere.hash != first.hash && elsewhere.fingerprint != first.fingerprint);
    }
}

fn parts(query: &str, headers: &[(&str, HeaderValue)]) -> Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.uri = format!("/api/v1/topics?{query}").trim_end_matches('?').parse().unwrap_or_default();
    for (name, value) in headers {
        if let Ok(name) = http::HeaderName::try_from(*name) {
            parts.headers.append(name, value.clone());
        }
    }
    asked_by(Principal::anonymous(), parts)
}

fn asked_by(principal: Principal, mut parts: Parts) -> Parts {
    parts.extensions.insert(Shown::as_known(Asker {
        credential: Credential::Nobody,
        who: Who { principal, role: None, password: metadata::access::Given::Never },
        address: None,
    }));
    parts
}

/// A body that goes on for so many chunks, and how much of it was taken.
fn counted(chunk: usize, count: usize) -> (Body, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = taken.clone();
    let chunks = (0..count).map(move |_| {
        counter.fetch_add(chunk, Ordering::SeqCst);
        Ok::<_, std::io::Error>(Bytes::from(vec![b' '; chunk]))
    });
    (Body::from_stream(futures::stream::iter(chunks)), taken)
}

#[tokio::test]
async fn a_body_is_no_longer_than_it_may_be_whatever_it_says() -> Result<(), TestCaseError> {
    let length = |text: &'static str| [(http::header::CONTENT_LENGTH, HeaderValue::from_static(text))].into_iter().collect::<HeaderMap>();
    let headers = [HeaderMap::new(), length("1"), length("99999999999999999999"), length("-1"), length("1073741824")];
    for limit in [ONE_MIB, EIGHT_MIB] {
        for (headers, endless) in headers.iter().flat_map(|headers| [(headers, true), (headers, false)]) {
            let chunk = 256 << 10;
            let (body, pulled) = counted(chunk, if endless { usize::MAX } else { limit / chunk + 1 });
            let refused = body::bytes(headers, body, limit).await.err().map(|refused| refused.0.rejection.code);
            prop_assert_eq!(refused, Some(Code::PayloadTooLarge), "{:?}", headers);
            // What is dropped so that the caller can read why has an end, too.
            prop_assert!(pulled.load(Ordering::SeqCst) <= limit + (64 << 20) + 2 * chunk, "{:?}", pulled);
        }
    }
    let (body, pulled) = counted(256 << 10, 4);
    prop_assert!(body::bytes(&HeaderMap::new(), body, ONE_MIB).await.is_ok_and(|bytes| bytes.len() == ONE_MIB), "{:?}", pulled);
    let broken = futures::stream::iter([Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("gone"))]);
    let refused = body::bytes(&HeaderMap::new(), Body::from_stream(broken), ONE_MIB).await.err().map(|refused| refused.0.rejection.code);
    prop_assert_eq!(refused, Some(Code::InvalidRequest));
    prop_assert!(call::deadline(&parts("", &[])).is_ok());
    Ok(())
}
