//! What is told on a stream of changes: what a client wants to hear, and how it is written.

use std::collections::BTreeSet;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::answers::Listed;
use crate::{
    jsonrpc::{Refused, code, raw_of},
    listener::Note,
};

/// How many resources one stream may follow.
const RESOURCES_MAX: usize = 256;

/// What a client wants to hear of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Wanted {
    /// That the list of tools has changed.
    #[serde(rename = "toolsListChanged", skip_serializing_if = "is_not")]
    pub(crate) tools: bool,
    /// That the list of prompts has changed.
    #[serde(rename = "promptsListChanged", skip_serializing_if = "is_not")]
    pub(crate) prompts: bool,
    /// That the list of resources has changed.
    #[serde(rename = "resourcesListChanged", skip_serializing_if = "is_not")]
    pub(crate) resources: bool,
    /// That one of these resources has changed.
    #[serde(rename = "resourceSubscriptions", skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) uris: BTreeSet<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_not(wanted: &bool) -> bool {
    !*wanted
}

#[derive(Deserialize)]
struct Params {
    notifications: Asked,
}

/// What is not known here is not promised, so it is passed over.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    tools_list_changed: bool,
    prompts_list_changed: bool,
    resources_list_changed: bool,
    resource_subscriptions: BTreeSet<String>,
}

impl Wanted {
    /// Wants to hear of every list.
    pub(crate) fn everything() -> Self {
        Self { tools: true, prompts: true, resources: true, uris: BTreeSet::new() }
    }

    /// Reads the parameters of `subscriptions/listen`.
    pub(crate) fn read(params: Option<&RawValue>) -> Result<Self, Refused> {
        let bad = |text: String| Refused::new(StatusCode::BAD_REQUEST, code::INVALID_PARAMS, text);
        let params = params.map_or("{}", RawValue::get);
        let Params { notifications: asked } = serde_json::from_str(params)
            .map_err(|error| bad(format!("`params.notifications` cannot be read: {error}")))?;
        let uris = asked.resource_subscriptions;
        if RESOURCES_MAX < uris.len() {
            let text = format!("{} resources are wanted, {RESOURCES_MAX} at most", uris.len());
            return Err(bad(text));
        }
        Ok(Self {
            tools: asked.tools_list_changed,
            prompts: asked.prompts_list_changed,
            resources: asked.resources_list_changed,
            uris,
        })
    }
}

#[derive(Serialize)]
struct Told<'a, P> {
    jsonrpc: &'static str,
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<P>,
}

#[derive(Serialize)]
struct Marked<'a, P> {
    #[serde(skip_serializing_if = "Option::is_none")]
    notifications: Option<&'a P>,
    #[serde(rename = "_meta")]
    meta: Mark<'a>,
}

/// Names the request that a message on its stream belongs to.
#[derive(Serialize)]
struct Mark<'a> {
    #[serde(rename = "io.modelcontextprotocol/subscriptionId")]
    id: &'a RawValue,
}

/// Says what will be told on the stream of the request `id`.
pub(crate) fn acknowledged(granted: &Wanted, id: &RawValue) -> Note {
    let params = Marked { notifications: Some(granted), meta: Mark { id } };
    told("notifications/subscriptions/acknowledged", Some(params))
}

/// Says that a list has changed, on the stream of the request `id` if one opened it.
pub(crate) fn list_changed(listed: Listed, id: Option<&RawValue>) -> Note {
    let method = match listed {
        Listed::Tools => "notifications/tools/list_changed",
        Listed::Prompts => "notifications/prompts/list_changed",
        Listed::Resources | Listed::ResourceTemplates => "notifications/resources/list_changed",
    };
    let params = id.map(|id| Marked::<()> { notifications: None, meta: Mark { id } });
    told(method, params)
}

/// Says that one resource has changed, on the stream of the request `id` if one opened it.
pub(crate) fn updated(uri: &str, id: Option<&RawValue>) -> Note {
    #[derive(Serialize)]
    struct Updated<'a> {
        uri: &'a str,
        #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
        meta: Option<Mark<'a>>,
    }
    let params = Updated { uri, meta: id.map(|id| Mark { id }) };
    told("notifications/resources/updated", Some(params))
}

/// Gives the result that ends the stream of the request `id`.
pub(crate) fn ended(id: &RawValue) -> Box<RawValue> {
    #[derive(Serialize)]
    struct Ended<'a> {
        #[serde(rename = "resultType")]
        result_type: &'static str,
        #[serde(rename = "_meta")]
        meta: Mark<'a>,
    }
    raw_of(&Ended { result_type: "complete", meta: Mark { id } })
}

fn told(method: &str, params: Option<impl Serialize>) -> Note {
    Note::new(raw_of(&Told { jsonrpc: "2.0", method, params }).get())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(params: &str) -> Wanted {
        Wanted::read(Some(&RawValue::from_string(params.to_owned()).unwrap())).unwrap()
    }

    fn refused(params: &str) -> String {
        Wanted::read(Some(&RawValue::from_string(params.to_owned()).unwrap())).unwrap_err().message
    }

    #[test]
    fn only_what_is_wanted_and_known_is_promised() {
        let wanted = read(
            r#"{"notifications":{"toolsListChanged":true,"promptsListChanged":false,"ofTomorrow":true,"resourceSubscriptions":["b:2","a:1","b:2"]},"_meta":{}}"#,
        );
        let id = RawValue::from_string("\"s1\"".to_owned()).unwrap();
        insta::assert_snapshot!(acknowledged(&wanted, &id).message(), @r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a:1","b:2"]},"_meta":{"io.modelcontextprotocol/subscriptionId":"s1"}}}"#);
    }

    #[test]
    fn a_change_names_the_stream_it_is_told_on_where_a_request_opened_it() {
        let id = RawValue::from_string("7".to_owned()).unwrap();
        insta::assert_snapshot!(list_changed(Listed::Tools, Some(&id)).message(), @r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":7}}}"#);
        insta::assert_snapshot!(list_changed(Listed::Prompts, None).message(), @r#"{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}"#);
        insta::assert_snapshot!(updated("a:1", Some(&id)).message(), @r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:1","_meta":{"io.modelcontextprotocol/subscriptionId":7}}}"#);
        insta::assert_snapshot!(ended(&id).get(), @r#"{"resultType":"complete","_meta":{"io.modelcontextprotocol/subscriptionId":7}}"#);
    }

    #[test]
    fn what_cannot_be_read_or_is_too_much_is_refused() {
        let many: Vec<_> = (0..300).map(|it| format!("a:{it}")).collect();
        let many = serde_json::json!({ "notifications": { "resourceSubscriptions": many } });
        assert_eq!(refused(&many.to_string()), "300 resources are wanted, 256 at most");
        assert!(refused("{}").contains("notifications"));
        assert!(refused(r#"{"notifications":{"toolsListChanged":1}}"#).contains("boolean"));
    }
}
