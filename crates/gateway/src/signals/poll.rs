//! What a receiver asks of us: what there is for it (RFC 8936), how its stream stands, and whether
//! anything arrives (Shared Signals Framework 1.0).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bailiwick_connect::random_text;
use bailiwick_model::{Json, JsonLimits};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};

use super::{
    answer::{Code, Refusal},
    outward::{Delivery, Outward, Receiver},
    tell::{Tidings, What},
};
use crate::{door::bearer, meter};

/// How much is given at once where nothing is said, and at the most.
const EVENTS: (usize, usize) = (16, 64);
/// How long somebody waits here for something to come.
const WAIT: Duration = Duration::from_secs(25);
/// How long a body may take to arrive.
const BODY_WAIT: Duration = Duration::from_secs(15);
const BODY: JsonLimits = JsonLimits { bytes: 64 << 10, depth: 8, values: 4096 };
/// The longest text that a receiver wants back.
const STATE_MAX: usize = 1024;

/// The routes for receivers, and of what anybody may know.
pub fn outward_router(outward: Arc<Outward>) -> Router {
    Router::new()
        .route("/ssf/poll/{receiver}", post(poll))
        .route("/ssf/stream", get(stream))
        .route("/ssf/status", get(status))
        .route("/ssf/verify", post(verify))
        .route("/ssf/jwks", get(jwks))
        .route("/.well-known/ssf-configuration", get(configuration))
        .with_state(outward)
}

/// `GET /.well-known/ssf-configuration`
async fn configuration(State(outward): State<Arc<Outward>>, headers: HeaderMap) -> Response {
    let at = |path: &str| format!("{}{path}", outward.public_url);
    let document = json!({
        "spec_version": "1_0",
        "issuer": outward.public_url,
        "jwks_uri": at("/ssf/jwks"),
        "delivery_methods_supported": ["urn:ietf:rfc:8935", "urn:ietf:rfc:8936"],
        "configuration_endpoint": at("/ssf/stream"),
        "status_endpoint": at("/ssf/status"),
        "verification_endpoint": at("/ssf/verify"),
        "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:6750"}],
        "default_subjects": "ALL",
    });
    public(&outward, &headers, &document)
}

/// `GET /ssf/jwks`
async fn jwks(State(outward): State<Arc<Outward>>, headers: HeaderMap) -> Response {
    let key: Value = serde_json::from_str(&outward.key().jwk().canonical()).unwrap_or_default();
    public(&outward, &headers, &json!({"keys": [key]}))
}

/// Answers with what anybody may know and keep for a minute.
fn public(outward: &Outward, headers: &HeaderMap, document: &Value) -> Response {
    if outward.hosts.foreign(headers).is_some() {
        return StatusCode::FORBIDDEN.into_response();
    }
    let head = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "max-age=60")];
    (head, document.to_string()).into_response()
}

/// `GET /ssf/stream`
async fn stream(State(outward): State<Arc<Outward>>, headers: HeaderMap) -> Response {
    let answered = outward.asking(&headers).map(|it| {
        let events: Vec<_> = it.spec.events.iter().map(|it| it.uri()).collect();
        let delivery = match &it.spec.delivery {
            Delivery::Push { place, .. } => {
                json!({"method": "urn:ietf:rfc:8935", "endpoint_url": place.url()})
            }
            Delivery::Poll => {
                let at = format!("{}/ssf/poll/{}", outward.public_url, it.spec.name);
                json!({"method": "urn:ietf:rfc:8936", "endpoint_url": at})
            }
        };
        private(&json!({
            "stream_id": it.spec.name, "iss": outward.public_url, "aud": it.spec.audience,
            "delivery": delivery, "events_supported": events, "events_requested": events,
            "events_delivered": events,
        }))
    });
    answered.unwrap_or_else(IntoResponse::into_response)
}

/// `GET /ssf/status`
async fn status(State(outward): State<Arc<Outward>>, headers: HeaderMap) -> Response {
    let answered = outward.asking(&headers);
    let answered =
        answered.map(|it| private(&json!({"stream_id": it.spec.name, "status": "enabled"})));
    answered.unwrap_or_else(IntoResponse::into_response)
}

/// `POST /ssf/verify`: an event comes back on the way that all of them come.
async fn verify(State(outward): State<Arc<Outward>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let answered = async {
        let receiver = outward.asking(&parts.headers)?;
        let wish = object(body).await?;
        let state = match wish.get("state") {
            None => None,
            Some(Json::Text(text)) if text.len() <= STATE_MAX => Some(text.clone()),
            Some(_) => return Err(Code::InvalidRequest.says("`state` is a short text")),
        };
        let jti = random_text().map_err(|_| Refusal::unavailable("no randomness"))?;
        let (at, what) = (outward.desk.now(), What::Verification(state));
        let asked = receiver.outbox().ask(Tidings { seq: None, jti, at, what });
        if !asked {
            return Err(Refusal::too_many(60));
        }
        receiver.news.notify_waiters();
        receiver.news.notify_one();
        Ok::<_, Refusal>(StatusCode::NO_CONTENT.into_response())
    };
    answered.await.unwrap_or_else(IntoResponse::into_response)
}

/// `POST /ssf/poll/{receiver}`
async fn poll(
    State(outward): State<Arc<Outward>>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let answered = async {
        let receiver = outward.asking(&parts.headers)?;
        if receiver.spec.name != name || !matches!(receiver.spec.delivery, Delivery::Poll) {
            return Err(stranger());
        }
        let _place = receiver.places.try_acquire().map_err(|_| Refusal::too_many(1))?;
        let wish = Wish::read(&object(body).await?)?;
        outward.take(receiver, &wish).await;
        // What it has is taken down however often it comes; what it is given is signed each time.
        let gives = 0 < wish.most && receiver.outbox().len() != 0;
        if gives {
            receiver.pace.take(outward.desk.now()).map_err(Refusal::too_many)?;
        }
        Ok::<_, Refusal>(private(&outward.give(receiver, &wish).await))
    };
    answered.await.unwrap_or_else(IntoResponse::into_response)
}

/// What a receiver has, and what it wants.
#[derive(Debug, PartialEq, Eq)]
struct Wish {
    most: usize,
    at_once: bool,
    has: Vec<String>,
    /// What it will not take, and why.
    wrong: BTreeMap<String, String>,
}

impl Wish {
    fn read(body: &Json) -> Result<Self, Refusal> {
        let wrong =
            |name: &str| Code::InvalidRequest.says(format!("`{name}` is not as RFC 8936 has it"));
        let most = match body.get("maxEvents") {
            None => EVENTS.0,
            Some(Json::Int(count)) if 0 <= *count => {
                usize::try_from(*count).unwrap_or(EVENTS.1).min(EVENTS.1)
            }
            Some(_) => return Err(wrong("maxEvents")),
        };
        let at_once = match body.get("returnImmediately") {
            None => false,
            Some(Json::Bool(it)) => *it,
            Some(_) => return Err(wrong("returnImmediately")),
        };
        let has = match body.get("ack") {
            None => Vec::new(),
            Some(Json::List(list)) => {
                let texts = list.iter().map(|it| it.as_text().map(str::to_owned));
                texts.collect::<Option<Vec<_>>>().ok_or_else(|| wrong("ack"))?
            }
            Some(_) => return Err(wrong("ack")),
        };
        let errors = match body.get("setErrs") {
            None => BTreeMap::new(),
            Some(Json::Object(errors)) => errors
                .iter()
                .map(|(jti, it)| {
                    let err = it.get("err").and_then(Json::as_text)?;
                    let plain = |it: &char| it.is_ascii_lowercase() || *it == '_';
                    Some((jti.clone(), err.chars().filter(plain).take(64).collect()))
                })
                .collect::<Option<_>>()
                .ok_or_else(|| wrong("setErrs"))?,
            Some(_) => return Err(wrong("setErrs")),
        };
        Ok(Self { most, at_once, has, wrong: errors })
    }
}

impl Outward {
    /// Finds out which receiver asks, by its token alone.
    fn asking(&self, headers: &HeaderMap) -> Result<&Receiver, Refusal> {
        if let Some(what) = self.hosts.foreign(headers) {
            return Err(Code::AccessDenied.says(format!("this {what} is not answered here")));
        }
        let shown = bearer(headers).ok_or_else(stranger)?;
        self.receivers.iter().find(|it| it.spec.token.matches(shown)).ok_or_else(stranger)
    }

    /// Takes in what a receiver has, and what it will never take.
    async fn take(&self, receiver: &Receiver, wish: &Wish) {
        let name = &receiver.spec.name;
        let mut moved = false;
        for jti in &wish.has {
            let done = receiver.outbox().done(jti, true);
            if let Some(done) = done {
                meter::signal_sent(name, "taken");
                meter::signal_told(name, self.desk.now().since(done.at));
                moved = true;
            }
        }
        for (jti, code) in &wish.wrong {
            // Anything else may be mended, as a key that it does not know yet: it comes again.
            if code != "invalid_request" {
                let mut outbox = receiver.outbox();
                if outbox.is_there(jti) {
                    outbox.trouble = Some(format!("it says `{code}`"));
                    meter::signal_sent(name, "failed");
                }
                continue;
            }
            let done = receiver.outbox().done(jti, false);
            if done.is_some() {
                meter::signal_sent(name, "refused");
                self.tell_refused(name, jti, code).await;
                moved = true;
            }
        }
        if moved {
            receiver.keep();
            meter::signals_waiting(name, receiver.outbox().len());
        }
    }

    /// Gives what there is, or waits for something to come.
    async fn give(&self, receiver: &Receiver, wish: &Wish) -> Value {
        let news = receiver.news.notified();
        tokio::pin!(news);
        news.as_mut().enable();
        let none = receiver.outbox().len() == 0;
        if none && !wish.at_once && 0 < wish.most {
            let _came_or_not = tokio::time::timeout(WAIT, news).await;
        }
        let (some, more) = receiver.outbox().some(wish.most);
        let set = |it: &Arc<Tidings>| Some((it.jti.clone(), json!(self.set(receiver, it)?)));
        let sets: serde_json::Map<_, _> = some.iter().filter_map(set).collect();
        json!({"sets": sets, "moreAvailable": more})
    }
}

fn stranger() -> Refusal {
    Code::AuthenticationFailed.says("this wants the token of a receiver, as `state/ssf` has it")
}

fn private(document: &Value) -> Response {
    let head = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (head, document.to_string()).into_response()
}

async fn object(body: Body) -> Result<Json, Refusal> {
    let arriving = tokio::time::timeout(BODY_WAIT, Limited::new(body, BODY.bytes).collect());
    let wrong = |text: &str| Code::InvalidRequest.says(text);
    let arrived = arriving.await.map_err(|_| wrong("the body did not arrive in time"))?;
    let bytes: Bytes =
        arrived.map_err(|_| wrong("the body is not 64 KiB at most, or broke off"))?.to_bytes();
    let read = Json::parse(&bytes, BODY).ok().filter(|it| matches!(it, Json::Object(_)));
    read.ok_or_else(|| wrong("the body is no JSON object"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Wish> {
        Wish::read(&Json::parse(text.as_bytes(), BODY).unwrap()).ok()
    }

    #[test]
    fn a_wish_is_read_as_rfc_8936_writes_it_and_no_other_way() {
        let wish = read(
            r#"{"maxEvents":3,"returnImmediately":true,"ack":["a"],"setErrs":{"b":{"err":"invalid_key","description":"x"}}}"#,
        );
        let wanted = Wish {
            most: 3,
            at_once: true,
            has: vec!["a".to_owned()],
            wrong: [("b".to_owned(), "invalid_key".to_owned())].into(),
        };
        assert_eq!(wish, Some(wanted));
        assert_eq!(read("{}").map(|it| (it.most, it.at_once)), Some((16, false)));
        assert_eq!(read(r#"{"maxEvents":1000000}"#).map(|it| it.most), Some(64));
        for text in [
            r#"{"maxEvents":-1}"#,
            r#"{"maxEvents":"3"}"#,
            r#"{"returnImmediately":1}"#,
            r#"{"ack":"a"}"#,
            r#"{"ack":[1]}"#,
            r#"{"setErrs":{"a":{}}}"#,
            r#"{"setErrs":["a"]}"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
