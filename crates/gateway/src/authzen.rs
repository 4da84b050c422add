//! The AuthZEN Authorization API 1.0: enforcement points elsewhere ask, and policy answers.
//!
//! Who may ask is known by name; what it asks is judged by the code that judges calls, and on
//! record before it is answered. A no is an answer: HTTP errors are about the question alone.

mod answer;
mod arap;
mod ask;
mod limits;
mod metadata;
mod read;
mod refusal;
mod search;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bailiwick_connect::{Secret, StateKey};
use bailiwick_model::Sought;
use http::{HeaderMap, Request};
use tokio::sync::{Semaphore, SemaphorePermit};

use self::{
    ask::Asker,
    limits::{SEARCHES, UNDER_WAY},
    read::Asked,
    refusal::{Code, Refusal},
};
use crate::{
    Desk,
    door::{Hosts, bearer},
    seam,
};

/// What an AuthZEN endpoint is made of.
#[derive(Debug)]
pub struct AuthzenParts {
    /// What is judged by, and where it is written down.
    pub desk: Arc<Desk>,
    /// The enforcement points that may ask, each with its token.
    pub peps: BTreeMap<String, Secret>,
    /// The values of `Host` that are answered.
    pub hosts: Vec<String>,
    /// What this governor is called outside.
    pub public_url: String,
    /// What closes the tokens of pages.
    pub pages: StateKey,
}

/// An AuthZEN endpoint.
#[derive(Debug)]
pub struct Authzen {
    desk: Arc<Desk>,
    peps: Vec<Pep>,
    hosts: Hosts,
    public_url: String,
    pages: StateKey,
}

/// An enforcement point that may ask.
#[derive(Debug)]
struct Pep {
    name: String,
    token: Secret,
    /// How many more questions it may have under way.
    places: Semaphore,
    /// How many of them may be searches.
    searches: Semaphore,
}

impl Pep {
    fn new(name: String, token: Secret) -> Self {
        let (places, searches) = (Semaphore::new(UNDER_WAY), Semaphore::new(SEARCHES));
        Self { name, token, places, searches }
    }

    /// Gives a question a place for as long as it is under way.
    fn place(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        let full = |_| Code::TooMany.says(format!("`{}` has {UNDER_WAY} under way", self.name));
        self.places.try_acquire().map_err(full)
    }

    /// Gives a search a place for as long as it is under way.
    fn search(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        let full =
            |_| Code::TooMany.says(format!("`{}` has {SEARCHES} searches under way", self.name));
        self.searches.try_acquire().map_err(full)
    }
}

impl Authzen {
    /// Makes the endpoint.
    pub fn new(parts: AuthzenParts) -> Self {
        let AuthzenParts { desk, peps, hosts, public_url, pages } = parts;
        let peps = peps.into_iter().map(|(name, token)| Pep::new(name, token)).collect();
        Self { desk, peps, hosts: Hosts::new(hosts), public_url, pages }
    }
}

/// The routes of the endpoint and of its metadata.
pub fn authzen_router(authzen: Arc<Authzen>) -> Router {
    Router::new()
        .route("/access/v1/evaluation", post(evaluation))
        .route("/access/v1/evaluations", post(evaluations))
        .route("/access/v1/search/subject", post(subjects))
        .route("/access/v1/search/resource", post(resources))
        .route("/access/v1/search/action", post(actions))
        .route(arap::ENDPOINT, post(request))
        .route("/access/v1/requests/{id}", get(request_status))
        .route("/access/v1/requests/{id}/cancel", post(cancel_request))
        .route("/.well-known/authzen-configuration", get(metadata::show))
        .with_state(authzen)
}

/// `POST /access/v1/evaluation`
async fn evaluation(State(authzen): State<Arc<Authzen>>, request: Request<Body>) -> Response {
    authzen.answer(request, Asks::One).await
}

/// `POST /access/v1/evaluations`
async fn evaluations(State(authzen): State<Arc<Authzen>>, request: Request<Body>) -> Response {
    authzen.answer(request, Asks::Several).await
}

/// `POST /access/v1/search/subject`
async fn subjects(State(authzen): State<Arc<Authzen>>, request: Request<Body>) -> Response {
    authzen.answer(request, Asks::Search(Sought::Subject)).await
}

/// `POST /access/v1/search/resource`
async fn resources(State(authzen): State<Arc<Authzen>>, request: Request<Body>) -> Response {
    authzen.answer(request, Asks::Search(Sought::Resource)).await
}

/// `POST /access/v1/search/action`
async fn actions(State(authzen): State<Arc<Authzen>>, request: Request<Body>) -> Response {
    authzen.answer(request, Asks::Search(Sought::Action)).await
}

/// `POST /access/v1/requests`
async fn request(State(authzen): State<Arc<Authzen>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let answered = async {
        let (pep, _place) = authzen.enter(&parts.headers)?;
        let body = ask::body(&parts.headers, body).await?;
        let opened = arap::open(&authzen, pep, (&parts.headers, &body)).await;
        Ok::<_, Refusal>(opened.unwrap_or_else(IntoResponse::into_response))
    };
    named(&parts.headers, answered.await.unwrap_or_else(IntoResponse::into_response))
}

/// `GET /access/v1/requests/{id}`
async fn request_status(
    State(authzen): State<Arc<Authzen>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let answered = authzen.enter(&headers).map(|(pep, _place)| {
        arap::show(&authzen, pep, &id).unwrap_or_else(IntoResponse::into_response)
    });
    named(&headers, answered.unwrap_or_else(IntoResponse::into_response))
}

/// `POST /access/v1/requests/{id}/cancel`
async fn cancel_request(
    State(authzen): State<Arc<Authzen>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let answered = async {
        let (pep, _place) = authzen.enter(&headers)?;
        let cancelled = arap::cancel(&authzen, pep, &id).await;
        Ok::<_, Refusal>(cancelled.unwrap_or_else(IntoResponse::into_response))
    };
    named(&headers, answered.await.unwrap_or_else(IntoResponse::into_response))
}

/// What is asked for, by where it is asked.
#[derive(Clone, Copy, Debug)]
enum Asks {
    /// One evaluation.
    One,
    /// Several.
    Several,
    /// Whatever is known that would be a yes.
    Search(Sought),
}

impl Authzen {
    /// Answers, and names the request as whoever asked does.
    async fn answer(&self, request: Request<Body>, asks: Asks) -> Response {
        let (parts, body) = request.into_parts();
        let answered = self.take(&parts.headers, body, asks).await;
        named(&parts.headers, answered.map_or_else(IntoResponse::into_response, answer::given))
    }

    /// Finds out who asks, and gives it a place for as long as its question is under way.
    fn enter(&self, headers: &HeaderMap) -> Result<(&Pep, SemaphorePermit<'_>), Refusal> {
        if let Some(what) = self.hosts.foreign(headers) {
            return Err(Code::Forbidden.says(format!("this {what} is not answered here")));
        }
        let pep = self.asking(headers)?;
        Ok((pep, pep.place()?))
    }

    /// Finds out who asks before anything is read, and answers what it asks.
    async fn take(&self, headers: &HeaderMap, body: Body, asks: Asks) -> Result<String, Refusal> {
        let (pep, _place) = self.enter(headers)?;
        seam::pass("authzen");
        let body = ask::body(headers, body).await?;
        let request_id = headers.get(limits::REQUEST_ID).filter(|it| fits(it));
        let request_id = request_id.and_then(|it| it.to_str().ok());
        let (desk, public_url) = (&self.desk, self.public_url.as_str());
        let asker = Asker { desk, pep: &pep.name, request_id, public_url };
        match asks {
            Asks::One => asker.ask(Asked::one(&body)?).await.map(|it| it.to_string()),
            Asks::Several => asker.ask(Asked::several(&body)?).await.map(|it| it.to_string()),
            Asks::Search(sought) => {
                let _search = pep.search()?;
                let answer = self.search(&asker, sought, &body).await?;
                serde_json::to_string(&answer)
                    .map_err(|_| Code::Broken.says("the answer cannot be written"))
            }
        }
    }

    /// Gives the enforcement point whose token is shown.
    fn asking(&self, headers: &HeaderMap) -> Result<&Pep, Refusal> {
        let known =
            bearer(headers).and_then(|it| self.peps.iter().find(|pep| pep.token.matches(it)));
        known.ok_or_else(|| {
            let text = "this wants the token of an enforcement point that `[authzen] peps` names";
            Code::Unauthorized.says(text)
        })
    }
}

/// Names the request as whoever asks does.
fn named(headers: &HeaderMap, mut response: Response) -> Response {
    if let Some(id) = headers.get(limits::REQUEST_ID).filter(|it| fits(it)) {
        response.headers_mut().insert(limits::REQUEST_ID, id.clone());
    }
    response
}

/// Says whether a name of a request is short enough to be carried.
fn fits(id: &http::HeaderValue) -> bool {
    id.len() <= limits::REQUEST_ID_MAX
}

/// One evaluation, several, a search, and a request for a person.
#[cfg(any(test, fuzzing))]
pub(crate) fn foreign(bytes: &[u8]) {
    search::foreign(bytes);
    arap::foreign(bytes);
    let _one = Asked::one(bytes);
    let Ok(Asked::Several(batch)) = Asked::several(bytes) else { return };
    let read = batch.evaluations().count();
    assert!((1..=limits::EVALUATIONS).contains(&read), "{read} evaluations");
}

#[cfg(test)]
mod tests;
