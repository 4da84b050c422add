//! Case files: one call or evaluation each, with what holds in the world and what is expected of it.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_gateway::Call;
use bailiwick_model::{
    Evaluation, IdentityId, JsonLimits, PersonName, ServerName, TemplateName, Timestamp, ToolName,
    VerdictKind,
};
use serde_json::{Value, json, value::RawValue};

use super::{
    names::{Names, one_of},
    question::question,
};
use crate::config::{
    Code, ConfigError, Field, Reader, Source, Table, filled, nearest, plain, suggestion,
};

/// One call or evaluation, and what is expected of it.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// What it shows, in its author's words.
    pub(super) name: String,
    /// The file it is written in.
    pub(super) file: String,
    /// The line on which it begins there.
    pub(super) line: usize,
    /// When it happens.
    pub(super) at: Timestamp,
    /// What holds in the world then.
    pub(super) facts: BTreeSet<String>,
    /// What is asked.
    pub(super) asked: Asked,
    /// The person who says yes, once it is held.
    pub(super) approved_by: Option<PersonName>,
    /// What is expected.
    pub(super) expected: Expected,
}

/// What a case asks.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// A call in a task, which the policies of `policies/` judge.
    Call(Box<Called>),
    /// What an enforcement point elsewhere asks, which those of `authzen/` judge.
    Evaluation(Box<Evaluation>),
}

/// A call, and the task that makes it.
#[derive(Clone, Debug)]
pub(super) struct Called {
    /// The tasks that handed the authority on, the first giver first.
    pub(super) under: Vec<Opened>,
    /// The task that calls.
    pub(super) task: Opened,
    /// The person who opens the task, where that is neither the identity nor its giver.
    pub(super) opened_by: Option<PersonName>,
    /// The call, as a client would send it.
    pub(super) call: Call,
}

/// One task, as it is opened.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    /// Who does the work.
    pub(super) identity: IdentityId,
    /// In a task of which template.
    pub(super) template: TemplateName,
    /// With which parameters.
    pub(super) params: BTreeMap<String, String>,
}

/// What is expected of a call.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct Expected {
    /// The verdict.
    pub(super) verdict: VerdictKind,
    /// Policies and codes of reasons, each of which must have decided.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) because: BTreeSet<String>,
    /// What enforcing the observing policies, too, would say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) would: Option<VerdictKind>,
    /// What the caller is told would be allowed, word for word.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) would_allow: BTreeSet<String>,
}

/// Reads the cases of one file, or everything that is wrong with them.
pub(super) fn read(source: &Source, names: &Names) -> Result<Vec<Case>, Vec<ConfigError>> {
    let reader = Reader::new(source);
    let cases = reader.read(|root| {
        let known = Known { names, source, lines: ends(source), at: moment(&root.get("at")) };
        let mut seen = BTreeSet::new();
        let mut cases = Vec::new();
        for field in root.get("case").items() {
            cases.extend(field.table(|table| known.case(table, &mut seen)).flatten());
        }
        cases
    });
    let found = reader.found();
    if found.is_empty() { Ok(cases.unwrap_or_default()) } else { Err(found) }
}

/// Finds where lines end, once for all cases: a file may hold very many.
fn ends(source: &Source) -> Vec<usize> {
    source.text().match_indices('\n').map(|(at, _)| at).collect()
}

fn moment(field: &Field<'_>) -> Option<Timestamp> {
    field.moment().map(toml::Spanned::into_inner)
}

/// What the words of a case are held against.
struct Known<'a> {
    names: &'a Names,
    source: &'a Source,
    /// Where the lines of the file end.
    lines: Vec<usize>,
    /// When cases happen that do not say when.
    at: Option<Timestamp>,
}

impl Known<'_> {
    /// Reads one case. Every key is asked for before any is missed.
    fn case(&self, table: &Table<'_>, seen: &mut BTreeSet<String>) -> Option<Case> {
        let name = table.get("name").required().made(filled);
        let at = table.get("at");
        let at = if self.at.is_some() { moment(&at).or(self.at) } else { moment(&at.required()) };
        let facts = self.facts(&table.get("facts"));
        let evaluation = table.get("evaluation");
        let asked = if evaluation.is_given() {
            let asked = evaluation.table(question).flatten();
            asked.map(|it| Asked::Evaluation(Box::new(it)))
        } else {
            self.called(table).map(|it| Asked::Call(Box::new(it)))
        };
        let approved_by = table.get("approved_by").parsed();
        let expected = self.expected(table);

        let name = name?;
        if !seen.insert(name.get_ref().clone()) {
            let message = format!("two cases are called `{}`", name.get_ref());
            let error = table.reader().error(Code::Twice, name.span(), message);
            table.reader().push(error.label("once more here"));
        }
        Some(Case {
            line: self.line(name.span().start),
            name: name.into_inner(),
            file: self.source.name.clone(),
            at: at?,
            facts: facts?,
            asked: asked?,
            approved_by: approved_by.map(toml::Spanned::into_inner),
            expected: expected?,
        })
    }

    /// Reads a call and the task that makes it.
    fn called(&self, table: &Table<'_>) -> Option<Called> {
        let task = self.opened(table);
        let under = table.get("under");
        let givers = under.items();
        let under: Option<Vec<Opened>> =
            givers.iter().map(|it| it.table(|it| self.opened(it)).flatten()).collect();
        let opened_by = table.get("opened_by").parsed();
        let call = table.get("call").required();
        let call = call.table(|it| self.call(it, &call)).flatten();
        Some(Called {
            under: under?,
            task: task?,
            opened_by: opened_by.map(toml::Spanned::into_inner),
            call: call?,
        })
    }

    /// Gives the line, counted from one, that `offset` lies on.
    fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|it| *it < offset).saturating_add(1)
    }

    /// Reads who opens a task, of what, and with what.
    fn opened(&self, table: &Table<'_>) -> Option<Opened> {
        let (identity, template) = (table.get("as").required(), table.get("template").required());
        let params = table.get("params");
        let all = self.names.identities.iter();
        let identity = one_of(&identity, Code::CaseIdentity, "there is no charter of", all);
        let all = self.names.templates.keys();
        let template = one_of(&template, Code::CaseTemplate, "there is no template", all);
        let declared = template.as_ref().and_then(|it| self.names.templates.get(it));
        let params = params_of(&params, declared);
        Some(Opened { identity: identity?, template: template?, params: params? })
    }

    /// Reads what holds in the world. A fact is any name; one that looks like a slip of a known
    /// one is not taken for another.
    fn facts(&self, field: &Field<'_>) -> Option<BTreeSet<String>> {
        let known = &self.names.facts;
        let mut facts = BTreeSet::new();
        for item in field.items() {
            let fact = item.made(plain)?.into_inner();
            let meant = nearest(&fact, known.iter().map(String::as_str));
            if let Some(meant) = meant.filter(|_| !known.contains(&fact)) {
                let message = format!("no `[[fact]]` is called `{fact}`");
                let help = format!("did you mean `{meant}`?");
                item.fault(Code::CaseFact, message, "nothing asks for this", Some(&help));
            }
            facts.insert(fact);
        }
        Some(facts)
    }

    /// Reads the call, and makes it as a client would send it.
    fn call(&self, table: &Table<'_>, whole: &Field<'_>) -> Option<Call> {
        let server = table.get("server").required();
        let all = self.names.servers.keys();
        let server: Option<ServerName> =
            one_of(&server, Code::CaseServer, "there is no server", all);
        let (tool, resource, prompt) =
            (table.get("tool"), table.get("resource"), table.get("prompt"));
        let arguments_of = table.get("arguments");
        let (text, arguments_given) = (arguments_of.json(), arguments_of.is_given());
        if arguments_given && !text.as_ref()?.is_object() {
            arguments_of.table(|_| ())?;
        }
        let arguments = text.unwrap_or_else(|| json!({}));
        let server = server?;
        let given: Vec<_> =
            [&tool, &resource, &prompt].into_iter().filter(|it| it.is_given()).collect();
        let [_] = given.as_slice() else {
            let message = "a call names one tool, or one resource, or one prompt";
            whole.fault(Code::CaseCall, message, "this call", None);
            return None;
        };
        let (method, params) = if tool.is_given() {
            let name = self.tool(&tool, &server)?;
            self.arguments(&arguments_of, (&server, &name));
            ("tools/call", json!({ "name": name, "arguments": arguments }))
        } else if prompt.is_given() {
            let name = prompt.made(filled)?.into_inner();
            ("prompts/get", json!({ "name": name, "arguments": arguments }))
        } else {
            if arguments_given {
                let message = "a resource is read without arguments";
                whole.fault(Code::CaseCall, message, "this call", None);
            }
            ("resources/read", json!({ "uri": resource.made(filled)?.into_inner() }))
        };
        match sent(server, method, &params) {
            Ok(call) => Some(call),
            Err(why) => {
                let message = format!("no client could send this call: {why}");
                whole.fault(Code::CaseCall, message, "this call", None);
                None
            }
        }
    }

    /// Reads the name of a tool. A server may offer any; a name that looks like a slip of one
    /// that the configuration knows would make a case that shows nothing.
    fn tool(&self, field: &Field<'_>, server: &ServerName) -> Option<ToolName> {
        let tool: ToolName = field.parsed()?.into_inner();
        let known = self.names.servers.get(server)?;
        let meant = nearest(tool.as_str(), known.iter().map(String::as_str));
        if let Some(meant) = meant.filter(|_| !known.contains(tool.as_str())) {
            let message = format!("nothing names a tool `{tool}` of `{server}`");
            let help = format!(
                "did you mean `{meant}`? A tool that is truly called so is declared as \
                 `[server.tool.{tool}]`"
            );
            field.fault(Code::CaseTool, message, "looks like a slip", Some(&help));
            return None;
        }
        Some(tool)
    }

    /// Looks at the names of arguments. A caller may send what its tool does not take; what looks like
    /// a slip would make a case that shows nothing.
    fn arguments(&self, field: &Field<'_>, (server, tool): (&ServerName, &ToolName)) {
        let key = (server.clone(), tool.to_string());
        let Some(taken) = self.names.arguments.get(&key) else { return };
        for (name, value) in field.named() {
            let name = name.get_ref();
            let meant = nearest(name, taken.iter().map(String::as_str));
            if let Some(meant) = meant.filter(|_| !taken.contains(name)) {
                let message = format!("`{tool}` of `{server}` takes no `{name}`");
                let help = format!("did you mean `{meant}`?");
                value.fault(Code::CaseArgument, message, "looks like a slip", Some(&help));
            }
        }
    }

    fn expected(&self, table: &Table<'_>) -> Option<Expected> {
        let verdict = table.get("expect").required().word(VerdictKind::ALL, VerdictKind::as_str);
        let would = table.get("would").word(VerdictKind::ALL, VerdictKind::as_str);
        let because = self.because(&table.get("because"));
        let would_allow = sentences(&table.get("would_allow"));
        Some(Expected { verdict: verdict?, because: because?, would, would_allow: would_allow? })
    }

    /// Reads one reason or a list of them: policies and codes.
    fn because(&self, field: &Field<'_>) -> Option<BTreeSet<String>> {
        let known = &self.names.reasons;
        let mut because = BTreeSet::new();
        for item in one_or_more(field) {
            let word = item.text()?.into_inner();
            if !known.contains(&word) {
                let message = format!("`{word}` is neither a policy nor the code of a reason");
                let near = nearest(&word, known.iter().map(String::as_str));
                let help = near.map_or_else(
                    || "write a policy's `@id`, or a code that `bailiwick why` shows".to_owned(),
                    |it| format!("did you mean `{it}`?"),
                );
                item.fault(Code::CaseReason, message, "nothing decides by this", Some(&help));
            }
            because.insert(word);
        }
        Some(because)
    }
}

/// Gives the one text that stands there, or each of a list.
fn one_or_more<'a>(field: &Field<'a>) -> Vec<Field<'a>> {
    if field.is_text() { vec![field.clone()] } else { field.items() }
}

/// Reads what the caller should be told.
fn sentences(field: &Field<'_>) -> Option<BTreeSet<String>> {
    let items = one_or_more(field);
    items.iter().map(|it| Some(it.made(filled)?.into_inner())).collect()
}

/// Reads the parameters of a task. What they may hold, the opening of the task says.
fn params_of(
    field: &Field<'_>,
    declared: Option<&BTreeSet<String>>,
) -> Option<BTreeMap<String, String>> {
    let mut params = BTreeMap::new();
    for (name, value) in field.named() {
        let text = value.text()?.into_inner();
        if let Some(declared) = declared.filter(|it| !it.contains(name.get_ref())) {
            let message = format!("the template has no parameter `{}`", name.get_ref());
            let help = suggestion(name.get_ref(), declared.iter().map(String::as_str));
            value.fault(Code::CaseParam, message, "never asked for", help.as_deref());
        }
        params.insert(name.into_inner(), text);
    }
    Some(params)
}

/// Makes the call from the parameters that a client would send.
fn sent(server: ServerName, method: &str, params: &Value) -> Result<Call, String> {
    let raw = RawValue::from_string(params.to_string()).map_err(|error| error.to_string())?;
    Call::read(server, method, raw, JsonLimits::default()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
