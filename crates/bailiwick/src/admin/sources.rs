//! Logs of other systems: how they stand, and the way in for those that are sent.
//!
//! Who sends proves it by a token of this one source, which opens nothing else. What is sent is on disk before anybody hears
//! that it was taken.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
    routing::post,
};
use bailiwick_connect::source::{Reader, Record, Source, Spool, Unpacked, lines_of, unpacked};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Serialize;

use super::{
    Admin,
    answer::{Answer, Refused, json},
};
use crate::serve::{Pushed, Sources};

/// The most bytes of a body, packed and unpacked.
const BODY_MAX: usize = 16 << 20;
/// How long a body may take to arrive.
const WAIT: Duration = Duration::from_secs(30);

/// What became of a body.
#[derive(Debug, Default, Serialize)]
struct Taken {
    records: u64,
    exercises: u64,
    errors: u64,
    /// What is wrong with the first that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_error: Option<String>,
}

/// `GET /api/v1/sources`
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Answer {
    json(&admin.sources.as_ref().map(|it| it.views()).unwrap_or_default())
}

/// The way in, for holders of a source's token.
pub(crate) fn on_listener(sources: &Arc<Sources>) -> Router {
    Router::new().route("/sources/{source}", post(push)).with_state(Arc::clone(sources))
}

/// `POST /sources/{source}`: 202 when all of it is on disk.
async fn push(
    State(sources): State<Arc<Sources>>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let shown = parts.headers.get(header::AUTHORIZATION).and_then(|it| it.to_str().ok());
    let shown = shown.and_then(|it| it.strip_prefix("Bearer ")).unwrap_or_default();
    // A stranger does not learn which sources there are.
    let Some(pushed) = sources.pushed.get(&name).filter(|it| it.token.matches(shown)) else {
        let text = "this wants the token in `state/sources/NAME.token`";
        return Refused::new(StatusCode::UNAUTHORIZED, "source_token", text).into_response();
    };
    let now = sources.now();
    let (outcome, answer) = match take(pushed, &parts.headers, body, now).await {
        Ok(taken) => {
            let answer = json(&taken).map(|it| (StatusCode::ACCEPTED, it).into_response());
            ("taken", answer.unwrap_or_else(axum::response::IntoResponse::into_response))
        }
        Err(No::Wait(seconds)) => {
            let text = "more is sent than is taken: send it again later";
            let refused = Refused::new(StatusCode::TOO_MANY_REQUESTS, "too_many", text);
            ("limited", ([(header::RETRY_AFTER, seconds.to_string())], refused).into_response())
        }
        Err(No::Disk) => {
            let text = "it cannot be kept now: send it again later";
            let refused = Refused::new(StatusCode::SERVICE_UNAVAILABLE, "no_room", text);
            ("failed", ([(header::RETRY_AFTER, "10")], refused).into_response())
        }
        Err(No::Refused(refused)) => ("refused", refused.into_response()),
    };
    sources.wake(&name, outcome);
    answer
}

/// Why a body is not taken.
enum No {
    Refused(Refused),
    /// For so many seconds.
    Wait(u64),
    Disk,
}

impl No {
    fn new(status: StatusCode, code: &'static str, text: &str) -> Self {
        Self::Refused(Refused::new(status, code, text))
    }

    fn too_large() -> Self {
        let text = format!("a body has {} MiB at most, unpacked as well", BODY_MAX >> 20);
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", &text)
    }
}

async fn take(
    pushed: &Arc<Pushed>,
    headers: &HeaderMap,
    body: Body,
    now: i64,
) -> Result<Taken, No> {
    let Ok(room) = Arc::clone(&pushed.room).try_acquire_owned() else { return Err(No::Wait(1)) };
    let packed = headers.get(header::CONTENT_ENCODING).map(|it| it.to_str().unwrap_or("?"));
    if !matches!(packed, None | Some("identity" | "gzip" | "zstd")) {
        let text = "a body is plain, gzip or zstd";
        return Err(No::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoding", text));
    }
    let bytes = match tokio::time::timeout(WAIT, Limited::new(body, BODY_MAX).collect()).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(No::too_large()),
        Ok(Err(_)) => {
            let text = "the body did not arrive whole";
            return Err(No::new(StatusCode::BAD_REQUEST, "body", text));
        }
        Err(_) => {
            let text = "the body did not arrive in time";
            return Err(No::new(StatusCode::REQUEST_TIMEOUT, "late", text));
        }
    };
    let pushed = Arc::clone(pushed);
    // Whoever hangs up cuts nothing in the middle.
    let work = tokio::task::spawn_blocking(move || {
        let _room = room;
        let body = unpacked(&bytes, BODY_MAX).map_err(|it| match it {
            Unpacked::TooMuch => No::too_large(),
            Unpacked::Broken => {
                No::new(StatusCode::BAD_REQUEST, "body", "the body cannot be unpacked")
            }
        })?;
        // What unpacks to nothing was work as well.
        pushed.pace(body.len().max(bytes.len()), now).map_err(No::Wait)?;
        let lines = lines_of(&body);
        let taken = look(&lines, pushed.only)?;
        let mut spool = pushed.spool.lock().unwrap_or_else(PoisonError::into_inner);
        kept(&mut spool, &lines)?;
        Ok(taken)
    });
    work.await.unwrap_or_else(|fault| {
        tracing::error!(%fault, "what was sent to a source could not be read");
        Err(No::new(StatusCode::INTERNAL_SERVER_ERROR, "fault", "the body could not be read"))
    })
}

fn kept(spool: &mut Spool, lines: &[u8]) -> Result<(), No> {
    spool.add(lines).map_err(|error| {
        tracing::error!(%error, "what was sent to a source cannot be kept");
        No::Disk
    })
}

/// Looks at what was sent, by the lines that are kept and read later, so that what is answered is what comes of them. A body in
/// which nothing is a record is somebody's mistake, and one that is packed twice has none.
fn look(lines: &[u8], only: Option<&'static Source>) -> Result<Taken, No> {
    let mut taken = Taken::default();
    let mut each = |record: Record<'_>| match record {
        Record::Exercise(..) => taken.exercises = taken.exercises.saturating_add(1),
        Record::Nothing => {}
        Record::Undated => taken.errors = taken.errors.saturating_add(1),
        Record::Error(error) => {
            taken.errors = taken.errors.saturating_add(1);
            taken.first_error.get_or_insert_with(|| error.to_string());
        }
    };
    let mut reader = Reader::new(only);
    reader.lines(lines, &mut each);
    reader.end(&mut each);
    taken.records = reader.records();
    if taken.records <= taken.errors && taken.exercises == 0 {
        let why = taken.first_error.as_deref().unwrap_or("there is none in it");
        let text = format!("no record of a log is in it, and nothing is kept: {why}");
        return Err(No::new(StatusCode::UNPROCESSABLE_ENTITY, "no_record", &text));
    }
    Ok(taken)
}
