//! One question to the provider: to where secrets may go, without following it elsewhere, for so long and no longer, and up to so many bytes.

use crate::secure::secure;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::{Client, ClientBuilder, Response, StatusCode};
use serde::de::IgnoredAny;
use std::pin::Pin;
use std::time::Duration;
use url::Url;

/// What was asked, and why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {why}")]
pub struct Failure {
    /// The address, without its query.
    pub at: String,
    pub why: Why,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    #[error("{0}")]
    Unreachable(String),
    #[error("no answer within {} ms", .0.as_millis())]
    Slow(Duration),
    #[error("the answer has more than {0} bytes")]
    TooLong(usize),
    #[error("it answers {0}")]
    Status(u16),
    #[error("it sends elsewhere, and nothing is followed there")]
    Redirects,
    #[error("the answer is not JSON")]
    NoJson,
    #[error("nothing is sent there: it is not {}", crate::secure::ALLOWED)]
    Insecure,
    #[error("{0}")]
    Document(&'static str),
}

impl Failure {
    pub(crate) fn at(url: &str, why: Why) -> Self {
        Failure { at: url.split(['?', '#']).next().unwrap_or_default().to_owned(), why }
    }
}

/// Asks, within bounds.
pub(crate) struct Asker {
    client: Client,
    within: Duration,
    longest: usize,
}

/// What comes back is JSON, whatever its status.
impl<'a> AsyncHttpClient<'a> for Asker {
    type Error = Failure;
    // A closure would do, but what awaits one of those cannot be sent between threads.
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Failure>> + Send + 'a>>;

    fn call(&'a self, request: HttpRequest) -> Self::Future {
        let at = request.uri().to_string();
        Box::pin(async move { self.answer(request).await.map_err(|why| Failure::at(&at, why)) })
    }
}

impl Asker {
    pub(crate) fn new(client: ClientBuilder, within: Duration, longest: usize) -> Result<Self, reqwest::Error> {
        // A redirect would take code and secret to where nobody agreed on.
        let client = client.redirect(reqwest::redirect::Policy::none()).timeout(within).build()?;
        Ok(Asker { client, within, longest })
    }

    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, Why> {
        if !Url::parse(&request.uri().to_string()).is_ok_and(|url| secure(&url)) {
            return Err(Why::Insecure);
        }
        let request = request.try_into().map_err(|error| self.broken(error))?;
        let response = self.client.execute(request).await.map_err(|error| self.broken(error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        if status.is_redirection() {
            return Err(Why::Redirects);
        }
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Why::Status(status.as_u16()));
        }
        let body = self.body(response).await?;
        if serde_json::from_slice::<IgnoredAny>(&body).is_err() {
            return Err(if status.is_success() { Why::NoJson } else { Why::Status(status.as_u16()) });
        }
        let mut answer = HttpResponse::new(body);
        (*answer.status_mut(), *answer.headers_mut()) = (status, headers);
        Ok(answer)
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Why> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(error))? {
            if body.len() + chunk.len() > self.longest {
                return Err(Why::TooLong(self.longest));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn broken(&self, error: reqwest::Error) -> Why {
        if error.is_timeout() { Why::Slow(self.within) } else { Why::Unreachable(tls::causes(&error.without_url())) }
    }
}
