//! The dashboard's files, embedded in the binary: hashed names are cached for a year, the compressed twin is sent where it is understood.

use super::problem::Refused;
use super::{BasePath, Node};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri, header};
use metadata::Code;
use serde::Deserialize;
use std::collections::BTreeMap;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

mod files {
    include!(concat!(env!("OUT_DIR"), "/site_files.rs"));
}

/// The hashed names of this build's files, without their directory.
#[derive(Deserialize)]
struct Manifest {
    js: String,
    wasm: String,
    css: String,
    loader: String,
    packs: BTreeMap<String, String>,
    fonts: Vec<String>,
}

fn find(path: &str) -> Option<&'static [u8]> {
    let at = files::FILES.binary_search_by(|(name, _)| (*name).cmp(path)).ok()?;
    files::FILES.get(at).map(|(_, bytes)| *bytes)
}

/// The names of the embedded files; none when this binary was built without pages.
pub fn assets(base: &BasePath) -> Option<app::Assets> {
    let manifest: Manifest = serde_json::from_slice(find("/pkg/manifest.json")?).ok()?;
    let path = |name: String| base.to(&format!("/pkg/{name}"));
    Some(app::Assets {
        js: path(manifest.js),
        wasm: path(manifest.wasm),
        css: path(manifest.css),
        loader: path(manifest.loader),
        packs: manifest.packs.into_iter().map(|(pack, name)| (pack, path(name))).collect(),
        fonts: manifest.fonts.into_iter().map(path).collect(),
    })
}

pub fn routes() -> Router<Node> {
    Router::new().route("/pkg/{*path}", axum::routing::get(file)).route("/favicon.ico", axum::routing::get(favicon))
}

async fn favicon(State(node): State<Node>) -> Response {
    ([(header::LOCATION, node.base.to("/pkg/favicon.svg"))], StatusCode::PERMANENT_REDIRECT).into_response()
}

pub async fn no_pages() -> impl IntoResponse {
    (
        StatusCode::NOT_FOUND,
        Html("<!doctype html><title>Quorate</title><p>This binary was built without its pages. The API is under /api/v1.</p>"),
    )
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

async fn file(uri: Uri, headers: HeaderMap) -> Result<Response, Refused> {
    let path = uri.path();
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let compressed = [("br", ".br"), ("gzip", ".gz")]
        .into_iter()
        .filter(|(coding, _)| accepted.split(',').any(|part| part.split(';').next().is_some_and(|name| name.trim() == *coding)))
        .find_map(|(coding, ending)| Some((Some(coding), find(&format!("{path}{ending}"))?)));
    let (coding, bytes) = match compressed {
        Some(found) => found,
        None => (None, find(path).ok_or_else(|| Refused::new(Code::NotFound, "There is no such file"))?),
    };
    let mut response = Response::new(Body::from(bytes));
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type(path)));
    out.insert(header::VARY, header::HeaderValue::from_static("accept-encoding"));
    if let Some(coding) = coding {
        out.insert(header::CONTENT_ENCODING, header::HeaderValue::from_static(coding));
    }
    // Only names that carry a hash of their content may be kept for good.
    let hashed = path.starts_with("/pkg/quorate.");
    let caching = if hashed { "public, max-age=31536000, immutable" } else { "public, max-age=3600" };
    out.insert(header::CACHE_CONTROL, header::HeaderValue::from_static(caching));
    Ok(response)
}

/// Answers of some size that are not compressed already.
pub fn worth_compressing() -> impl Predicate {
    // An event would wait in the compressor for the next one.
    SizeAbove::new(1_024).and(NotForContentType::IMAGES).and(NotForContentType::const_new("font/")).and(NotForContentType::SSE)
}
