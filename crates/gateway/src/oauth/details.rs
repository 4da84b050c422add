//! What a client wants: `authorization_details` (RFC 9396) of one type of ours.

use std::collections::BTreeMap;

use bailiwick_model::{IdentityId, Json, JsonLimits, TaskId, TemplateName};

use super::{
    Client,
    refusal::{Code, TokenRefusal},
};

/// The one type of details that is granted.
pub(super) const KIND: &str = "bailiwick/task/v1";
const LIMITS: JsonLimits = JsonLimits { bytes: 32 << 10, depth: 6, values: 512 };
/// The members that such details may have.
const KNOWN: [&str; 7] = ["type", "template", "params", "purpose", "parent", "identity", "task"];
/// The longest purpose.
const PURPOSE_MAX: usize = 2 << 10;

/// What a client wants a token for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// A new task.
    Open(Box<Opening>),
    /// The task of the one template that the client may open: one that is open, else a new one.
    /// This is what clients get who cannot say what they want.
    Usual(TemplateName),
    /// A task that is open already.
    Again(TaskId),
}

/// A task to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) template: TemplateName,
    pub(super) params: BTreeMap<String, String>,
    pub(super) purpose: Option<String>,
    /// The task that is handed on, and to whom.
    pub(super) handed: Option<(TaskId, IdentityId)>,
}

impl Wish {
    /// Reads the parameter; without it the client's one template is meant.
    pub(super) fn read(text: Option<&str>, client: &Client) -> Result<Self, TokenRefusal> {
        match text {
            Some(text) => read(text, None),
            None => usual(client),
        }
    }

    /// Reads the parameter of a wish to narrow the task `above`, whose token was shown.
    pub(super) fn below(
        text: Option<&str>,
        client: &Client,
        above: &TaskId,
    ) -> Result<Self, TokenRefusal> {
        let wish = match text {
            Some(text) => read(text, Some((above, client)))?,
            None => usual(client)?,
        };
        Ok(wish)
    }

    /// Says whose token it will be.
    pub(super) fn worker<'a>(&'a self, client: &'a Client) -> &'a IdentityId {
        match self {
            Self::Open(opening) => opening.handed.as_ref().map_or(&client.identity, |it| &it.1),
            Self::Usual(_) | Self::Again(_) => &client.identity,
        }
    }
}

fn usual(client: &Client) -> Result<Wish, TokenRefusal> {
    match client.templates.as_slice() {
        [only] => Ok(Wish::Usual(only.clone())),
        several => {
            let names: Vec<_> = several.iter().map(|it| format!("`{it}`")).collect();
            let (identity, names) = (&client.identity, names.join(", "));
            Err(wrong(format!(
                "`authorization_details` must say which task is wanted: `{identity}` may open {}",
                if names.is_empty() { "none" } else { &names }
            )))
        }
    }
}

fn read(text: &str, above: Option<(&TaskId, &Client)>) -> Result<Wish, TokenRefusal> {
    let parsed = Json::parse(text.as_bytes(), LIMITS)
        .map_err(|error| wrong(format!("`authorization_details` cannot be read: {error}")))?;
    let Json::List(list) = &parsed else {
        return Err(wrong("`authorization_details` is not a list"));
    };
    let [Json::Object(details)] = list.as_slice() else {
        return Err(wrong("`authorization_details` holds exactly one object"));
    };
    if parameter(details, "type")? != Some(KIND) {
        return Err(wrong(format!("the one `type` of details here is `{KIND}`")));
    }
    if let Some(name) = details.keys().find(|it| !KNOWN.contains(&it.as_str())) {
        return Err(wrong(format!("details of this type have no `{name}`")));
    }
    match parsed_parameter(details, "task")? {
        Some(task) if details.len() == 2 => Ok(Wish::Again(task)),
        Some(_) => Err(wrong("an open `task` is named alone: it stays as it was opened")),
        None => opening(details, above).map(|it| Wish::Open(Box::new(it))),
    }
}

fn opening(
    details: &BTreeMap<String, Json>,
    above: Option<(&TaskId, &Client)>,
) -> Result<Opening, TokenRefusal> {
    let template = parsed_parameter(details, "template")?;
    let purpose = parameter(details, "purpose")?;
    if let Some(long) = purpose.filter(|it| PURPOSE_MAX < it.len()) {
        let len = long.len();
        return Err(wrong(format!("`purpose` has {len} bytes, {PURPOSE_MAX} at most")));
    }
    let parent = parsed_parameter(details, "parent")?;
    let worker = parsed_parameter(details, "identity")?;
    let handed = match above {
        Some((above, client)) => {
            if parent.is_some_and(|it| it != *above) {
                return Err(wrong(format!("`parent` is not `{above}`, whose token is shown")));
            }
            Some((above.clone(), worker.unwrap_or_else(|| client.identity.clone())))
        }
        None if parent.is_some() != worker.is_some() => {
            let text =
                "`parent` and `identity` belong together: which task is handed on, and to whom";
            return Err(wrong(text));
        }
        None => parent.zip(worker),
    };
    Ok(Opening {
        template: template.ok_or_else(|| wrong("`template` or `task` is missing"))?,
        params: params(details.get("params"))?,
        purpose: purpose.map(str::to_owned),
        handed,
    })
}

fn params(given: Option<&Json>) -> Result<BTreeMap<String, String>, TokenRefusal> {
    let Some(given) = given else { return Ok(BTreeMap::new()) };
    let Json::Object(given) = given else {
        return Err(wrong("`params` is not an object"));
    };
    let text = |(name, value): (&String, &Json)| {
        let value = value.as_text();
        let value = value.ok_or_else(|| wrong(format!("parameter `{name}` is not a text")))?;
        Ok((name.clone(), value.to_owned()))
    };
    given.iter().map(text).collect()
}

fn parameter<'j>(
    details: &'j BTreeMap<String, Json>,
    name: &str,
) -> Result<Option<&'j str>, TokenRefusal> {
    match details.get(name) {
        None => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text)),
        Some(_) => Err(wrong(format!("`{name}` is not a text"))),
    }
}

fn parsed_parameter<T: std::str::FromStr<Err: std::fmt::Display>>(
    details: &BTreeMap<String, Json>,
    name: &str,
) -> Result<Option<T>, TokenRefusal> {
    let text = parameter(details, name)?;
    text.map(|it| it.parse().map_err(|error| wrong(format!("`{name}`: {error}")))).transpose()
}

fn wrong(text: impl Into<String>) -> TokenRefusal {
    Code::InvalidDetails.says(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TASK: &str = "task_01JD8X00000000000000000000";

    fn client(templates: &[&str]) -> Client {
        let templates = templates.iter().map(|it| it.parse().unwrap()).collect();
        Client { identity: "triage-agent".parse().unwrap(), key: "k".parse().unwrap(), templates }
    }

    fn wish(text: &str) -> Result<Wish, Code> {
        Wish::read(Some(text), &client(&[])).map_err(|it| it.code)
    }

    #[test]
    fn a_task_is_opened_continued_or_handed_on() {
        let plain = wish(r#"[{"type":"bailiwick/task/v1","template":"triage"}]"#).unwrap();
        let opening = Opening {
            template: "triage".parse().unwrap(),
            params: BTreeMap::new(),
            purpose: None,
            handed: None,
        };
        assert_eq!(plain, Wish::Open(Box::new(opening)));
        let whole = format!(
            r#"[{{"type":"bailiwick/task/v1","template":"triage","params":{{"ticket":"T-1"}},"purpose":"look","parent":"{TASK}","identity":"helper"}}]"#
        );
        let Ok(Wish::Open(opening)) = wish(&whole) else { panic!("{whole}") };
        assert_eq!(opening.params["ticket"], "T-1");
        let handed = Some((TASK.parse().unwrap(), "helper".parse().unwrap()));
        assert_eq!(opening.handed, handed);
        let again = wish(&format!(r#"[{{"type":"bailiwick/task/v1","task":"{TASK}"}}]"#));
        assert_eq!(again, Ok(Wish::Again(TASK.parse().unwrap())));
    }

    #[test]
    fn without_details_the_one_template_is_meant() {
        let usual = Wish::read(None, &client(&["triage"])).unwrap();
        assert_eq!(usual, Wish::Usual("triage".parse().unwrap()));
        for templates in [&[][..], &["a", "b"]] {
            let refusal = Wish::read(None, &client(templates)).unwrap_err();
            assert_eq!(refusal.code, Code::InvalidDetails);
        }
    }

    #[test]
    fn what_is_not_exactly_a_wish_is_refused() {
        for text in [
            "",
            "{}",
            "[]",
            "[1]",
            "7",
            r#"{"type":"bailiwick/task/v1","template":"t"}"#,
            r#"[{"template":"t"}]"#,
            r#"[{"type":"bailiwick/task/v2","template":"t"}]"#,
            r#"[{"type":"bailiwick/task/v1"}]"#,
            r#"[{"type":"bailiwick/task/v1","template":"t"},{"type":"bailiwick/task/v1","template":"t"}]"#,
            r#"[{"type":"bailiwick/task/v1","template":"t","template":"u"}]"#,
            r#"[{"type":"bailiwick/task/v1","template":"t","actions":["read"]}]"#,
            r#"[{"type":"bailiwick/task/v1","template":"Not A Name"}]"#,
            r#"[{"type":"bailiwick/task/v1","template":7}]"#,
            r#"[{"type":"bailiwick/task/v1","template":"t","params":["x"]}]"#,
            r#"[{"type":"bailiwick/task/v1","template":"t","params":{"x":7}}]"#,
            r#"[{"type":"bailiwick/task/v1","template":"t","identity":"other"}]"#,
            r#"[{"type":"bailiwick/task/v1","template":"t","parent":"task_01JD8X00000000000000000000"}]"#,
            r#"[{"type":"bailiwick/task/v1","task":"task_01JD8X00000000000000000000","template":"t"}]"#,
            r#"[{"type":"bailiwick/task/v1","task":"task_1"}]"#,
        ] {
            assert_eq!(wish(text), Err(Code::InvalidDetails), "{text}");
        }
        let purpose = "x".repeat(PURPOSE_MAX + 1);
        let long =
            format!(r#"[{{"type":"bailiwick/task/v1","template":"t","purpose":"{purpose}"}}]"#);
        assert_eq!(wish(&long), Err(Code::InvalidDetails));
        assert_eq!(wish(&"[".repeat(40_000)), Err(Code::InvalidDetails));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let _ = wish(&text);
        }
    }
}
