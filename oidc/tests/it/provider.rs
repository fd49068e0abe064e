//! An OpenID Connect provider: it lets everybody in at once, and does wrong what a test asks of it.

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use openidconnect::core::{CoreHmacKey, CoreJwsSigningAlgorithm, CoreRsaPrivateSigningKey};
use openidconnect::{JsonWebKeyId, PrivateSigningKey};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub const CLIENT: &str = "quorate";
pub const SECRET: &str = "s3cret & more";
pub const REDIRECT: &str = "https://quorate.example/base/sign-in/oidc/callback";
/// Guards nothing: it was made for these tests.
const RSA: &str = include_str!("rsa.pem");

/// What a token is signed with.
#[derive(Clone)]
pub enum Key {
    Es256(u8),
    /// The key with this number, under the id of the first.
    Forged(u8),
    Rs256,
    /// The same key with an algorithm that is not spoken here.
    Rs512,
    /// Not at all.
    None,
    /// HS256 with these bytes.
    Hs256(Vec<u8>),
}

impl Key {
    pub fn id(&self) -> String {
        match self {
            Key::Es256(number) => format!("es-{number}"),
            Key::Rs256 | Key::Rs512 => "rs".to_owned(),
            Key::None | Key::Hs256(_) | Key::Forged(_) => "es-1".to_owned(),
        }
    }

    fn ecdsa(number: u8) -> SigningKey {
        SigningKey::from_slice(&[number; 32]).expect("a number below the curve's order")
    }

    fn rsa(&self) -> CoreRsaPrivateSigningKey {
        CoreRsaPrivateSigningKey::from_pem(RSA, Some(JsonWebKeyId::new(self.id()))).expect("it is a key")
    }

    /// Uncompressed, as SEC 1 has it.
    pub fn public(number: u8) -> Vec<u8> {
        Key::ecdsa(number).verifying_key().to_sec1_point(false).as_bytes().to_vec()
    }

    fn jwk(&self) -> Value {
        match self {
            Key::Rs256 | Key::Rs512 => serde_json::to_value(self.rsa().as_verification_key()).expect("it is JSON"),
            Key::Es256(number) => {
                let point = Key::public(*number);
                let (x, y) = (BASE64_URL_SAFE_NO_PAD.encode(&point[1..33]), BASE64_URL_SAFE_NO_PAD.encode(&point[33..]));
                json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id(), "x": x, "y": y })
            }
            Key::None | Key::Hs256(_) | Key::Forged(_) => panic!("there is nothing to publish"),
        }
    }

    /// A compact JWS (RFC 7515 section 3.1).
    fn sign(&self, claims: &Value) -> String {
        let algorithm = match self {
            Key::Es256(_) | Key::Forged(_) => "ES256",
            Key::Rs256 => "RS256",
            Key::Rs512 => "RS512",
            Key::None => "none",
            Key::Hs256(_) => "HS256",
        };
        let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&json!({ "alg": algorithm, "kid": self.id() })), encode(claims));
        let signature = match self {
            Key::Es256(number) | Key::Forged(number) => {
                Signer::<Signature>::sign(&Key::ecdsa(*number), signed.as_bytes()).to_bytes().to_vec()
            }
            Key::Rs256 => self.rsa().sign(&CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256, signed.as_bytes()).expect("it signs"),
            Key::Rs512 => self.rsa().sign(&CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512, signed.as_bytes()).expect("it signs"),
            Key::None => Vec::new(),
            Key::Hs256(key) => {
                CoreHmacKey::new(key.clone()).sign(&CoreJwsSigningAlgorithm::HmacSha256, signed.as_bytes()).expect("it signs")
            }
        };
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

/// What an endpoint does instead of answering.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    Status(u16),
    Garbage,
    /// More than a mebibyte of it.
    Long,
    Hangs,
    /// To an address of the provider's own that counts who comes.
    Elsewhere,
}

impl Fault {
    async fn answer(self) -> Response {
        match self {
            Fault::Status(status) => {
                (StatusCode::from_u16(status).expect("a status"), "<html>the provider's own words</html>").into_response()
            }
            Fault::Garbage => ([("content-type", "application/json")], "{\"the provider's own words").into_response(),
            Fault::Long => {
                let pieces = (0..17).map(|_| Ok::<_, std::convert::Infallible>(Bytes::from(vec![b' '; 1 << 16])));
                let body = Body::from_stream(Pieces(pieces.collect()));
                ([("content-type", "application/json")], body).into_response()
            }
            Fault::Hangs => std::future::pending().await,
            Fault::Elsewhere => Redirect::temporary("/elsewhere").into_response(),
        }
    }
}

/// A body without a length.
struct Pieces(Vec<Result<Bytes, std::convert::Infallible>>);

impl futures::Stream for Pieces {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.pop())
    }
}

/// How a client says who it is (OpenID Connect Core 1.0 section 9).
#[derive(Clone, Copy)]
pub enum Takes {
    /// `client_secret_basic`
    Header,
    /// `client_secret_post`
    Form,
    /// The client is public.
    NoSecret,
}

/// What somebody may change about it.
pub struct Wishes {
    /// Published.
    pub keys: Vec<Key>,
    /// Published before them, as they are.
    pub strange_keys: Vec<Value>,
    pub signs_with: Key,
    /// Over the claims of a good token; null takes one away.
    pub claims: Value,
    /// Over the discovery document.
    pub document: Value,
    pub faults: HashMap<&'static str, Fault>,
    /// The error that browsers bring back.
    pub denies: Option<&'static str>,
    pub takes: Takes,
    /// Where browsers go back to, as was agreed.
    pub redirect: String,
    pub now_ms: u64,
    hits: HashMap<String, usize>,
    codes: HashMap<String, HashMap<String, String>>,
    issued: usize,
}

#[derive(Clone)]
pub struct Running {
    pub address: SocketAddr,
    wishes: Arc<Mutex<Wishes>>,
}

impl Running {
    pub async fn start(now_ms: u64) -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let wishes = Wishes {
            keys: vec![Key::Es256(1)],
            strange_keys: Vec::new(),
            signs_with: Key::Es256(1),
            claims: json!({}),
            document: json!({}),
            faults: HashMap::new(),
            denies: None,
            takes: Takes::Header,
            redirect: REDIRECT.to_owned(),
            now_ms,
            hits: HashMap::new(),
            codes: HashMap::new(),
            issued: 0,
        };
        let running = Running { address: listener.local_addr()?, wishes: Arc::new(Mutex::new(wishes)) };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(document))
            .route("/jwks", get(jwks))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .fallback(|State(running): State<Running>, uri: Uri| async move { running.hit(uri.path()).await.unwrap_or_default() })
            .with_state(running.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(running)
    }

    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often this path was asked.
    pub fn hits(&self, path: &str) -> usize {
        self.wishes().hits.get(path).copied().unwrap_or(0)
    }

    /// Counts, and does wrong what is to be done wrong.
    async fn hit(&self, path: &str) -> Option<Response> {
        let fault = {
            let mut wishes = self.wishes();
            *wishes.hits.entry(path.to_owned()).or_default() += 1;
            wishes.faults.get(path).copied()
        };
        match fault {
            Some(fault) => Some(fault.answer().await),
            None => None,
        }
    }
}

fn overlay(mut under: Value, over: &Value) -> Value {
    for (name, value) in over.as_object().into_iter().flatten() {
        under[name] = value.clone();
    }
    if let Some(fields) = under.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    under
}

async fn document(State(running): State<Running>) -> Response {
    if let Some(wrong) = running.hit("/.well-known/openid-configuration").await {
        return wrong;
    }
    let issuer = running.issuer();
    let good = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
    });
    Json(overlay(good, &running.wishes().document)).into_response()
}

async fn jwks(State(running): State<Running>) -> Response {
    if let Some(wrong) = running.hit("/jwks").await {
        return wrong;
    }
    let wishes = running.wishes();
    let keys: Vec<Value> = wishes.strange_keys.iter().cloned().chain(wishes.keys.iter().map(Key::jwk)).collect();
    Json(json!({ "keys": keys })).into_response()
}

/// Everybody is let in, with what they came with kept by the code.
async fn authorize(State(running): State<Running>, Query(asked): Query<HashMap<String, String>>) -> Response {
    let text = |name: &str| asked.get(name).cloned().unwrap_or_default();
    let good = text("client_id") == CLIENT
        && text("redirect_uri") == running.wishes().redirect
        && text("response_type") == "code"
        && text("code_challenge_method") == "S256"
        && text("scope").split(' ').any(|scope| scope == "openid");
    if !good {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let mut wishes = running.wishes();
    let answer = match wishes.denies {
        Some(error) => format!("error={error}"),
        None => {
            wishes.issued += 1;
            let code = format!("code-{}", wishes.issued);
            wishes.codes.insert(code.clone(), asked.clone());
            format!("code={code}&session_state=1")
        }
    };
    Redirect::to(&format!("{}?{answer}&state={}", wishes.redirect, text("state"))).into_response()
}

fn no(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error, "error_description": "the provider's own words" }))).into_response()
}

async fn token(State(running): State<Running>, headers: HeaderMap, Form(form): Form<HashMap<String, String>>) -> Response {
    if let Some(wrong) = running.hit("/token").await {
        return wrong;
    }
    let text = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let mut wishes = running.wishes();
    let shown = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let named = shown.is_empty() && text("client_id") == CLIENT;
    let known = match wishes.takes {
        // Both parts are encoded as in a form (RFC 6749 section 2.3.1).
        Takes::Header => shown == format!("Basic {}", BASE64_STANDARD.encode(format!("{CLIENT}:s3cret+%26+more"))),
        Takes::Form => named && text("client_secret") == SECRET,
        Takes::NoSecret => named && !form.contains_key("client_secret"),
    };
    if !known {
        return no(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    // A code is good once, whoever comes with it.
    let Some(asked) = wishes.codes.remove(text("code")) else { return no(StatusCode::BAD_REQUEST, "invalid_grant") };
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(text("code_verifier")));
    if asked.get("code_challenge") != Some(&challenge)
        || text("redirect_uri") != wishes.redirect
        || text("grant_type") != "authorization_code"
    {
        return no(StatusCode::BAD_REQUEST, "invalid_grant");
    }
    let now = wishes.now_ms / 1_000;
    let good = json!({
        "iss": running.issuer(),
        "aud": CLIENT,
        "sub": "0b1e",
        "iat": now,
        "exp": now + 300,
        "nonce": asked.get("nonce"),
        "preferred_username": "anna",
        "email": "anna@example.com",
        "groups": ["everybody", "sre"],
    });
    let token = wishes.signs_with.sign(&overlay(good, &wishes.claims));
    Json(json!({ "access_token": "access", "token_type": "Bearer", "expires_in": 300, "id_token": token })).into_response()
}
