//! Calls that go on as tasks of the protocol (`io.modelcontextprotocol/tasks`): what servers say of
//! them, and what clients are told.
//!
//! Such a task is a server's own, and no task of ours. What a server says of it is written anew, as
//! its name is not for clients: it would be a key to whatever the server did for anybody.

use std::{collections::BTreeMap, time::Duration};

use bailiwick_model::Timestamp;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{client::ClientFacts, code::MISSING_CAPABILITY, meta::CAPABILITIES};
use crate::jsonrpc::{RawError, RawObject, Refused, raw_of};

/// What clients and servers declare that know such tasks.
pub(crate) const EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// Where servers up to 2025-11-25 say to which task of theirs something belongs.
const RELATED: &str = "io.modelcontextprotocol/related-task";
/// How long a server's name of one may be.
const NAME_MAX: usize = 256;
/// How long what it says of where it stands may be.
const WORDS_MAX: usize = 1 << 10;
/// How soon whoever waits for a person should ask again, in milliseconds.
const OURS_AGAIN: u64 = 5000;
const ASK_AGAIN: Duration = Duration::from_secs(1);
const ASK_AGAIN_MAX: Duration = Duration::from_secs(30);

/// Where such a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// It goes on.
    Working,
    /// Its server wants to know something of the client.
    InputRequired,
    /// It has a result.
    Completed,
    /// It has none, and never will.
    Failed,
    /// It was called off.
    Cancelled,
}

impl Status {
    /// Says whether nothing comes after it.
    pub(crate) const fn is_last(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Cancelled => true,
            Self::Working | Self::InputRequired => false,
        }
    }
}

/// What a server says of one of its tasks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Told {
    /// Its name at the server.
    pub(crate) task_id: String,
    /// Where it stands.
    pub(crate) status: Status,
    #[serde(default)]
    status_message: Option<String>,
    created_at: String,
    last_updated_at: String,
    #[serde(default)]
    ttl_ms: Option<u64>,
    #[serde(default)]
    poll_interval_ms: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    result_type: &'static str,
    task_id: &'a str,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_message: Option<&'a str>,
    created_at: &'a str,
    last_updated_at: &'a str,
    ttl_ms: u64,
    poll_interval_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_requests: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a RawValue>,
}

/// What a client is told of one of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    /// The name that it knows.
    pub(crate) handle: &'a str,
    /// How long it can be asked for.
    pub(crate) life: Duration,
}

impl Told {
    /// Reads what a server says; none where it cannot be read, or is more than a client should get.
    pub(crate) fn read(result: &RawValue) -> Option<Self> {
        RawObject::read(result.get()).ok()?;
        let told: Self = serde_json::from_str(result.get()).ok()?;
        let plain = |it: &str| it.len() <= 64 && it.bytes().all(|it| it.is_ascii_graphic());
        let fits = !told.task_id.is_empty()
            && told.task_id.len() <= NAME_MAX
            && [&told.created_at, &told.last_updated_at].into_iter().all(|it| plain(it))
            && told.status_message.as_ref().is_none_or(|it| it.len() <= WORDS_MAX);
        fits.then_some(told)
    }

    /// Tells of a call that waits here since `since`, in words of ours.
    pub(crate) fn ours(status: Status, words: &str, (since, now): (Timestamp, Timestamp)) -> Self {
        Self {
            task_id: String::new(),
            status,
            status_message: Some(words.to_owned()),
            created_at: since.to_string(),
            last_updated_at: now.to_string(),
            ttl_ms: None,
            poll_interval_ms: Some(OURS_AGAIN),
        }
    }

    /// Gives how long to wait before it is asked for again.
    pub(crate) fn pause(&self) -> Duration {
        let wanted = self.poll_interval_ms.map_or(ASK_AGAIN, Duration::from_millis);
        wanted.clamp(ASK_AGAIN, ASK_AGAIN_MAX)
    }

    /// Gives how long its server keeps it, where it says so.
    pub(crate) fn kept(&self) -> Option<Duration> {
        self.ttl_ms.map(Duration::from_millis)
    }

    /// Leaves out what its server says of it in words of its own.
    pub(crate) fn wordless(self) -> Self {
        Self { status_message: None, ..self }
    }

    /// Tells a client that its call goes on.
    pub(crate) fn created(&self, shown: Shown<'_>) -> Box<RawValue> {
        raw_of(&self.written("task", shown))
    }

    /// Tells a client where it stands, with what its server said beside that in `result`.
    pub(crate) fn detailed(
        &self,
        shown: Shown<'_>,
        result: &RawValue,
    ) -> Result<Box<RawValue>, RawError> {
        let object = RawObject::read(result.get())?;
        let when = |status: Status, name: &str| {
            object.get(name).filter(|it| self.status == status && it.get().starts_with('{'))
        };
        Ok(raw_of(&Written {
            input_requests: when(Status::InputRequired, "inputRequests"),
            result: when(Status::Completed, "result"),
            error: when(Status::Failed, "error"),
            ..self.written("complete", shown)
        }))
    }

    fn written<'a>(&'a self, result_type: &'static str, shown: Shown<'a>) -> Written<'a> {
        let millis = |it: Duration| u64::try_from(it.as_millis()).unwrap_or(u64::MAX);
        Written {
            result_type,
            task_id: shown.handle,
            status: self.status,
            status_message: self.status_message.as_deref(),
            created_at: &self.created_at,
            last_updated_at: &self.last_updated_at,
            ttl_ms: millis(shown.life),
            poll_interval_ms: millis(self.pause()),
            input_requests: None,
            result: None,
            error: None,
        }
    }
}

/// Says whether parameters as they are sent declare that their client knows such tasks.
pub(crate) fn are_declared(params: &RawValue) -> bool {
    let below = |raw: &RawValue, name: &str| {
        RawObject::read(raw.get()).ok()?.get(name).map(ToOwned::to_owned)
    };
    let path = ["_meta", CAPABILITIES, "extensions", EXTENSION];
    path.iter().try_fold(params.to_owned(), |raw, name| below(&raw, name)).is_some()
}

/// Writes parameters whose client does not declare that it knows such tasks; none where it did not.
pub(crate) fn undeclared(params: &RawValue) -> Option<Box<RawValue>> {
    fn without(object: &RawValue, path: &[&str]) -> Option<Box<RawValue>> {
        let object = RawObject::read(object.get()).ok()?;
        match path {
            [] => None,
            [last] => object.get(last).and_then(|_| object.without(last).ok()),
            [name, rest @ ..] => object.with(name, &without(object.get(name)?, rest)?).ok(),
        }
    }
    without(params, &["_meta", CAPABILITIES, "extensions", EXTENSION])
}

/// Says whether capabilities have such tasks among their extensions.
pub(crate) fn are_among(capabilities: &RawObject<'_>) -> bool {
    let extensions = capabilities.get("extensions");
    let extensions = extensions.and_then(|it| RawObject::read(it.get()).ok());
    extensions.is_some_and(|it| it.get(EXTENSION).is_some())
}

/// Writes what a server is asked about one of its tasks, by a client of which these things are known.
pub(crate) fn asking(
    theirs: &str,
    answers: Option<&RawValue>,
    client: &ClientFacts,
) -> Box<RawValue> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Asking<'a> {
        task_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        input_responses: Option<&'a RawValue>,
        #[serde(rename = "_meta")]
        meta: Meta<'a>,
    }
    #[derive(Serialize)]
    struct Meta<'a> {
        #[serde(rename = "io.modelcontextprotocol/clientCapabilities")]
        capabilities: &'a super::client::ClientCapabilities,
    }
    let meta = Meta { capabilities: &client.capabilities };
    raw_of(&Asking { task_id: theirs, input_responses: answers, meta })
}

/// Refuses to speak of tasks with a client that did not say that it knows them.
pub(crate) fn not_declared() -> Refused {
    let text = format!("this takes a client that declares `{EXTENSION}` in its request");
    let data = serde_json::json!({ "requiredCapabilities": { "extensions": { EXTENSION: {} } } });
    Refused::new(StatusCode::BAD_REQUEST, MISSING_CAPABILITY, text).with_data(&data)
}

/// Writes the parameters of a call that is to run as a task of a server up to 2025-11-25.
pub(crate) fn asked(params: &RawValue, kept: Duration) -> Option<Box<RawValue>> {
    let ttl = u64::try_from(kept.as_millis()).unwrap_or(u64::MAX);
    RawObject::read(params.get()).ok()?.with("task", &raw_of(&BTreeMap::from([("ttl", ttl)]))).ok()
}

/// Takes a server's own name of a task out of what it says; none where it is not in there.
pub(crate) fn unnamed(said: &RawValue) -> Option<Box<RawValue>> {
    let object = RawObject::read(said.get()).ok()?;
    let meta = RawObject::read(object.get("_meta")?.get()).ok()?;
    let meta = meta.get(RELATED).and_then(|_| meta.without(RELATED).ok())?;
    object.with("_meta", &meta).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    const WORKING: &str = r#"{"resultType":"task","taskId":"theirs","status":"working","createdAt":"2026-11-25T10:00:00Z","lastUpdatedAt":"2026-11-25T10:00:01Z","ttlMs":60000,"pollIntervalMs":10,"_meta":{"x":1},"result":{"too":"soon"}}"#;
    const SHOWN: Shown<'_> = Shown { handle: "ours", life: Duration::from_secs(60) };

    #[test]
    fn a_client_is_told_of_its_task_under_a_name_of_ours_and_nothing_that_nobody_knows() {
        let told = Told::read(&raw(WORKING)).unwrap();
        insta::assert_snapshot!(told.created(SHOWN).get(), @r#"{"resultType":"task","taskId":"ours","status":"working","createdAt":"2026-11-25T10:00:00Z","lastUpdatedAt":"2026-11-25T10:00:01Z","ttlMs":60000,"pollIntervalMs":1000}"#);
        assert!(!told.detailed(SHOWN, &raw(WORKING)).unwrap().get().contains("soon"));
    }

    #[test]
    fn a_servers_name_is_taken_out_however_it_is_spelled() {
        let said = r#"{"level":"info","_meta":{"io.modelcontextprotocol\/related-task":{"taskId":"theirs"},"x":1}}"#;
        let unnamed = unnamed(&raw(said)).unwrap();
        assert!(!unnamed.get().contains("theirs"), "{unnamed}");
        assert!(unnamed.get().contains(r#""x":1"#), "{unnamed}");
    }

    #[test]
    fn what_belongs_to_where_it_stands_is_handed_on_as_it_is() {
        let done = WORKING
            .replace("working", "completed")
            .replace(r#"{"too":"soon"}"#, r#"{ "content" : [], "n":1.50 }"#);
        let told = Told::read(&raw(&done)).unwrap();
        let shown = told.detailed(SHOWN, &raw(&done)).unwrap();
        assert!(shown.get().starts_with(r#"{"resultType":"complete","taskId":"ours""#));
        assert!(shown.get().ends_with(r#""result":{ "content" : [], "n":1.50 }}"#), "{shown}");
        assert!(told.status.is_last());
    }

    #[test]
    fn what_is_no_task_is_none() {
        for odd in [
            WORKING.replace("theirs", ""),
            WORKING.replace("theirs", &"x".repeat(NAME_MAX + 1)),
            WORKING.replace("working", "dreaming"),
            WORKING.replace("2026-11-25T10:00:00Z", "do this now"),
            WORKING.replace(r#""status":"working","#, ""),
            WORKING.replace("\"ttlMs\":60000", "\"ttlMs\":-1"),
            "7".to_owned(),
        ] {
            assert_eq!(Told::read(&raw(&odd)), None, "{odd}");
        }
    }

    #[test]
    fn a_request_says_by_itself_that_its_client_knows_tasks() {
        let says = |extensions: &str| {
            let meta = format!(r#"{{"{CAPABILITIES}":{{"extensions":{extensions}}}}}"#);
            are_declared(&raw(&format!(r#"{{"_meta":{meta}}}"#)))
        };
        assert!(says(r#"{"io.modelcontextprotocol/tasks":{}}"#));
        assert!(!says("{}") && !says("7") && !are_declared(&raw("{}")));
    }

    proptest! {
        #[test]
        fn any_words_are_read_or_not(text in r#"\{("(taskId|status|createdAt|lastUpdatedAt|ttlMs)":(1|"x"|null|"working"),?){0,5}\}"#) {
            if let Ok(value) = RawValue::from_string(text) {
                if let Some(told) = Told::read(&value) {
                    let _ = told.detailed(SHOWN, &value);
                }
                let _ = are_declared(&value);
            }
        }
    }

    #[test]
    fn an_older_servers_name_of_a_task_goes_no_further() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let said = format!(r#"{{"content":[], "_meta":{{"a":1,"{RELATED}":{{"taskId":"t"}}}}}}"#);
        assert_eq!(unnamed(&raw(&said)).unwrap().get(), r#"{"content":[], "_meta":{"a":1}}"#);
        for none in [r#"{"_meta":{"a":1}}"#.to_owned(), format!(r#"{{"text":"{RELATED}"}}"#)] {
            assert!(unnamed(&raw(&none)).is_none(), "{none}");
        }
        let params = asked(&raw(r#"{"name":"a"}"#), Duration::from_secs(60)).unwrap();
        assert_eq!(params.get(), r#"{"name":"a","task":{"ttl":60000}}"#);
    }
}
