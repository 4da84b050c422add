//! What comes back of a call, as its obligations let it go on.
//!
//! A result that must be looked into and cannot be is withheld: whoever asked hears that the call was
//! made, and why nothing more. Of what a server says beside such a result nothing goes on at all.

#[cfg(any(test, fuzzing))]
mod foreign;
mod owed;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bailiwick_model::{Change, DecisionId, Obligations, Unshaped};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    jsonrpc::{RawObject, raw_of},
    limits::MESSAGE,
    mcp::{bridge::ResultKind, refusal::code},
    upstream::Reply,
};

#[cfg(any(test, fuzzing))]
pub(crate) use foreign::foreign;
pub use owed::Owed;

/// What is told of a call's obligations beside its result.
const KEY: &str = "dev.bailiwick/obligations";
const DECISION: &str = "dev.bailiwick/decision";
const COMPLETE: &str = "complete";

/// A call that was made, and what must happen along with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    pub(crate) decision: &'a DecisionId,
    pub(crate) method: &'a str,
    pub(crate) asks: &'a Obligations,
    /// What of its arguments was sent otherwise than it came.
    pub(crate) changes: &'a [Change],
}

/// A reply as it goes back.
#[derive(Debug)]
pub(crate) struct Obliged {
    pub(crate) reply: Reply,
    /// Why it is not the server's, where it was withheld.
    pub(crate) withheld: Option<String>,
}

/// What was done to a result.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    redacted: usize,
    cut: usize,
}

#[derive(Serialize)]
struct Meta<'a> {
    constraints: Vec<&'a String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    arguments: BTreeMap<String, &'a RawValue>,
    #[serde(skip_serializing_if = "is_nought")]
    redacted: usize,
    #[serde(skip_serializing_if = "is_nought")]
    rows_cut: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolResult {
    /// What a server of 2026-07-28 says of every result.
    #[serde(skip_serializing_if = "Option::is_none")]
    result_type: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_error: bool,
    content: Vec<Block>,
    #[serde(skip_serializing_if = "Option::is_none")]
    structured_content: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct Block {
    r#type: &'static str,
    text: String,
}

#[derive(Serialize)]
struct Contents {
    contents: Vec<Content>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<String>,
    text: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_nought(count: &usize) -> bool {
    *count == 0
}

impl About<'_> {
    /// Does to `reply` what must be done before anybody has it, where anything must.
    pub(crate) fn obliged(&self, reply: Reply) -> Reply {
        if self.asks.touch_results() { self.oblige(reply).reply } else { reply }
    }

    /// Does to `reply` what must be done before anybody has it.
    pub(crate) fn oblige(&self, reply: Reply) -> Obliged {
        let mut done = Done::default();
        // Only the results of tools can say that they are errors.
        let as_error = matches!(reply, Reply::Error(_)) || self.method != "tools/call";
        let result_type = result_type(&reply);
        let shown = match (reply, self.asks.look_inside()) {
            (Reply::Result(result), true) => self.looked_into(&result, &mut done),
            (Reply::Error(_), true) => Err("the server answered with an error in words of its own"),
            (reply, false) => Ok(reply),
        };
        let shown = shown.map_err(str::to_owned).and_then(|it| self.within(it));
        match shown {
            Ok(Reply::Result(result)) => {
                let told = self.with_meta(&result, done, None).unwrap_or(result);
                Obliged { reply: Reply::Result(told), withheld: None }
            }
            Ok(error @ Reply::Error(_)) => Obliged { reply: error, withheld: None },
            Err(why) => {
                Obliged { reply: self.nothing(&why, (as_error, result_type)), withheld: Some(why) }
            }
        }
    }

    /// Refuses what is larger than it may be.
    fn within(&self, reply: Reply) -> Result<Reply, String> {
        let (size, most) = (reply.size(), self.asks.bytes);
        if most.covers(size) {
            return Ok(reply);
        }
        Err(format!("it has {size} bytes, {} at most", most.limit().unwrap_or_default()))
    }

    /// Looks into a result and leaves out what nobody is shown, or says why it cannot be looked into.
    fn looked_into(&self, result: &RawValue, done: &mut Done) -> Result<Reply, &'static str> {
        const UNREADABLE: &str = "it cannot be read";
        if ResultKind::of(result).map_err(|_| UNREADABLE)? != ResultKind::Complete {
            return Err("its server asks for something first, or goes on with it");
        }
        let object = RawObject::read(result.get()).map_err(|_| UNREADABLE)?;
        let written = match self.method {
            "tools/call" => {
                let kind = object.get("resultType").map(|_| COMPLETE);
                raw_of(&ToolResult { result_type: kind, ..self.tool(&object, done)? })
            }
            "resources/read" => raw_of(&self.contents(&object, done)?),
            _ => return Err("it is a prompt, and that cannot be looked into"),
        };
        Ok(Reply::Result(written))
    }

    fn tool(&self, object: &RawObject<'_>, done: &mut Done) -> Result<ToolResult, &'static str> {
        let structured = object.get("structuredContent").map(|it| self.shaped(it.get(), done));
        let structured_content = structured.transpose()?.map(raw).transpose()?;
        let block = |block: &RawObject<'_>, done: &mut Done| {
            let text = block.text("text").filter(|_| block.text("type").as_deref() == Some("text"));
            let text = text.ok_or("a part of it is no text")?;
            Ok(Block { r#type: "text", text: self.shaped(&text, done)? })
        };
        let content = self.each(object.get("content"), done, block)?;
        let is_error = object.get("isError").is_some_and(|it| it.get() == "true");
        Ok(ToolResult { result_type: None, is_error, content, structured_content })
    }

    fn contents(&self, object: &RawObject<'_>, done: &mut Done) -> Result<Contents, &'static str> {
        let content = |content: &RawObject<'_>, done: &mut Done| {
            let text = content.text("text").ok_or("a part of it is no text")?;
            Ok(Content {
                uri: content.text("uri").ok_or("a part of it has no name")?,
                mime_type: content.text("mimeType"),
                text: self.shaped(&text, done)?,
            })
        };
        Ok(Contents { contents: self.each(object.get("contents"), done, content)? })
    }

    /// Looks into each part of a result. Parts are rows as well: a server may give each row a part.
    fn each<T>(
        &self,
        parts: Option<&RawValue>,
        done: &mut Done,
        read: impl Fn(&RawObject<'_>, &mut Done) -> Result<T, &'static str>,
    ) -> Result<Vec<T>, &'static str> {
        let Some(parts) = parts else { return Ok(Vec::new()) };
        let parts: Vec<&RawValue> =
            serde_json::from_str(parts.get()).map_err(|_| "its parts are no list")?;
        let most = self
            .asks
            .rows
            .limit()
            .map_or(usize::MAX, |it| usize::try_from(it).unwrap_or(usize::MAX));
        done.cut = done.cut.saturating_add(parts.len().saturating_sub(most));
        let kept = parts.into_iter().take(most).map(|part| {
            let part = RawObject::read(part.get()).map_err(|_| "a part of it cannot be read")?;
            read(&part, done)
        });
        kept.collect()
    }

    fn shaped(&self, text: &str, done: &mut Done) -> Result<String, &'static str> {
        let shaped = self.asks.shape_text(text, MESSAGE).map_err(|why| match why {
            Unshaped::NotJson => "a part of it is no JSON that could be looked into",
            Unshaped::TooLarge => "a part of it is larger than what is looked into",
        })?;
        done.redacted = done.redacted.saturating_add(shaped.redacted);
        done.cut = done.cut.saturating_add(shaped.cut);
        Ok(shaped.value.canonical())
    }

    /// Says beside a result what was done to its call and to it.
    fn with_meta(&self, result: &RawValue, done: Done, why: Option<&str>) -> Option<Box<RawValue>> {
        let changes: Vec<(String, Box<RawValue>)> = self
            .changes
            .iter()
            .filter_map(|it| Some((it.path.to_string(), raw(it.value.clone()).ok()?)))
            .collect();
        let meta = Meta {
            constraints: self.asks.from.iter().collect(),
            arguments: changes.iter().map(|(path, it)| (path.clone(), &**it)).collect(),
            redacted: done.redacted,
            rows_cut: done.cut,
            withheld: why,
        };
        let object = RawObject::read(result.get()).ok()?;
        let beside = object.get("_meta").map_or("{}", RawValue::get);
        let beside = RawObject::read(beside).ok()?.with(DECISION, &raw_of(self.decision)).ok()?;
        let beside = RawObject::read(beside.get()).ok()?.with(KEY, &raw_of(&meta)).ok()?;
        object.with("_meta", &beside).ok()
    }

    /// Writes what goes back in place of what is withheld: that it happened, and why nothing more.
    fn nothing(&self, why: &str, (as_error, result_type): (bool, Option<&'static str>)) -> Reply {
        let from: Vec<_> = self.asks.from.iter().map(|it| format!("`{it}`")).collect();
        let text = format!(
            "The call was made, and what came back is withheld: {why}. Asked for by {} ({}).",
            from.join(", "),
            self.decision
        );
        if as_error {
            return Reply::Error(raw_of(&serde_json::json!({
                "code": code::WITHHELD,
                "message": text,
            })));
        }
        let content = vec![Block { r#type: "text", text }];
        let structured_content = None;
        let result =
            raw_of(&ToolResult { result_type, is_error: true, content, structured_content });
        Reply::Result(self.with_meta(&result, Done::default(), Some(why)).unwrap_or(result))
    }
}

/// Says what a result in the place of this one must call itself.
fn result_type(reply: &Reply) -> Option<&'static str> {
    let Reply::Result(result) = reply else { return None };
    let object = RawObject::read(result.get()).ok()?;
    object.get("resultType").map(|_| COMPLETE)
}

fn raw(text: String) -> Result<Box<RawValue>, &'static str> {
    RawValue::from_string(text).map_err(|_| "it cannot be written")
}
