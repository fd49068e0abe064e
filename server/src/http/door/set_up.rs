//! `/set-up`: the first account, which closes the cluster to everybody else.

use super::{Porch, Sent, status};
use crate::people::{cookie, rule, set_up};
use app::ssr::door::Page;
use audit::Kind;
use axum::Form;
use axum::extract::State;
use axum::response::Response;
use controller::Refusal;
use http::StatusCode;
use metadata::access::check_name;
use metadata::{Code, Rejection};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Claim {
    code: String,
    name: String,
    password: String,
}

impl Porch {
    fn set_up<'a>(&'a self, name: &'a str, entered: &'a str) -> Page<'a> {
        Page::SetUp { code: self.node.people.code.as_ref().map(|code| code.file()), entered, name }
    }

    async fn claim(&self, claim: &Claim, sent: &Sent) -> Result<String, Rejection> {
        let name = claim.name.trim();
        check_name(name)?;
        rule(&claim.password, name)?;
        if let Some(code) = &self.node.people.code {
            self.permitted("", sent.seen.address).await?;
            if !code.is(&claim.code) {
                let no = Rejection::new(Code::Unauthenticated, "That is not the code, or no more");
                return Err(no.at("code", "another one", format!("what is in {} on this node now", code.file().display())));
            }
        }
        let hash = self.node.people.passwords.hash(claim.password.clone()).await?;
        let since = set_up::claim(&self.node.controller, name, hash).await.map_err(|Refusal { rejection, .. }| *rejection)?;
        self.begin(name, since, sent.seen.address).await
    }
}

pub async fn page(State(porch): State<Porch>, sent: Sent) -> Response {
    if porch.node.controller.view().machine.access.claimed() {
        return porch.go("/");
    }
    porch.page(&sent.headers, StatusCode::OK, porch.set_up("", ""), None)
}

pub async fn claim(State(porch): State<Porch>, sent: Sent, Form(claim): Form<Claim>) -> Response {
    if porch.node.controller.view().machine.access.claimed() {
        return porch.go("/sign-in");
    }
    match porch.claim(&claim, &sent).await {
        Ok(text) => {
            porch.note(Kind::SetUp, None, sent.seen, format!("make the first account, {}", claim.name.trim()), None);
            porch.go_with("/", cookie::set(&text, sent.seen.secure))
        }
        Err(no) => {
            porch.note(Kind::SignInRefused, None, sent.seen, "make the first account", Some(&no));
            porch.page(&sent.headers, status(&no), porch.set_up(claim.name.trim(), claim.code.trim()), Some(&no))
        }
    }
}
