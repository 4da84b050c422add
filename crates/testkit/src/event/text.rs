//! Events as lines of a scenario.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use bailiwick_model::{Json, JsonLimits, format_span, parse_span};

use super::{By, CallLine, Event, OpenLine, Target};
use crate::words::{Words, joined, list, pair, read};

impl Event {
    /// Reads one line.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let mut words = Words::of(line);
        let verb = words.word("what happens")?;
        Ok(match verb {
            "at" => moment(words.word("a moment")?)?,
            "in" => Self::In(words.word("a task")?.to_owned()),
            "open" => Self::Open(open(words)?),
            "call" | "send" => Self::Call(call(words, verb == "send")?),
            "retry" => Self::Retry,
            "done" => Self::Done,
            "approve" => approve(words)?,
            "refuse" => Self::Refuse(words.next().map(ticket).transpose()?),
            "end" => Self::End,
            "tick" => Self::Tick,
            "restart" => Self::Restart,
            "contain" => Self::Contain(target(words.word("what is contained")?)?),
            "release" => Self::Release(target(words.word("what is released")?)?),
            "offer" => Self::Offer(
                words.read("a server")?,
                words.word("a tool")?.to_owned(),
                words.read("a version")?,
            ),
            "accept" => Self::Accept(
                words.read("a server")?,
                words.word("a tool")?.to_owned(),
                words.read("a version")?,
            ),
            "activate" => Self::Activate(words.map(str::to_owned).collect()),
            other => return Err(format!("nothing is called `{other}`")),
        })
    }
}

fn moment(word: &str) -> Result<Event, String> {
    let span = |text: &str| parse_span(text).map_err(|error| error.to_string());
    match (word.strip_prefix('+'), word.strip_prefix('-')) {
        (Some(text), _) => Ok(Event::Forward(span(text)?)),
        (_, Some(text)) => Ok(Event::Back(span(text)?)),
        (None, None) => Ok(Event::At(read(word)?)),
    }
}

fn target(word: &str) -> Result<Target, String> {
    match word.strip_prefix("task:") {
        Some(label) => Ok(Target::Task(label.to_owned())),
        None => read(word).map(Target::Other),
    }
}

fn open(mut words: Words<'_>) -> Result<OpenLine, String> {
    let label = words.word("a name for the task")?.to_owned();
    let (mut identity, mut template, mut under, mut by) = (None, None, None, None);
    let (mut params, mut with) = (BTreeMap::new(), None);
    while let Some(word) = words.next() {
        match word {
            "as" => identity = Some(words.read("an identity")?),
            "with" => with = Some(words.read("a credential")?),
            "under" => under = Some(words.word("a task")?.to_owned()),
            "by" => {
                by = Some(match words.word("who opens it")? {
                    "itself" => By::Itself,
                    "person" => By::Person,
                    "token" => By::Token(None),
                    word if word.starts_with("token:") => {
                        By::Token(word.strip_prefix("token:").map(read).transpose()?)
                    }
                    other => By::Orchestrator(read(other)?),
                });
            }
            word => match pair(word)? {
                ("template", name) => template = Some(read(name)?),
                (name, value) => drop(params.insert(name.to_owned(), value.to_owned())),
            },
        }
    }
    Ok(OpenLine {
        label,
        identity: identity.ok_or("`as IDENTITY` is missing")?,
        template: template.ok_or("`template=NAME` is missing")?,
        under,
        by,
        params,
        with,
    })
}

fn call(words: Words<'_>, stays: bool) -> Result<CallLine, String> {
    let text = words.rest();
    let (text, json) = match text.find('{') {
        Some(place) => text.split_at(place),
        None => (text, "{}"),
    };
    let arguments = Json::parse(json.as_bytes(), JsonLimits::default())
        .map_err(|error| format!("the arguments: {error}"))?;
    let mut words = Words::of(text);
    let mut call = CallLine {
        server: words.read("a server")?,
        tool: words.word("a tool")?.to_owned(),
        arguments,
        bytes: 0,
        resources: BTreeSet::new(),
        as_: None,
        with: None,
        stale: false,
        stays,
    };
    for word in words {
        if word == "stale" {
            call.stale = true;
            continue;
        }
        match pair(word)? {
            ("as", who) => call.as_ = Some(read(who)?),
            ("with", credential) => call.with = Some(read(credential)?),
            ("bytes", number) => call.bytes = read(number)?,
            ("on", resources) => call.resources = list(resources)?,
            (other, _) => return Err(format!("a call has no `{other}`")),
        }
    }
    Ok(call)
}

fn approve(mut words: Words<'_>) -> Result<Event, String> {
    let mut event = (None, false, Duration::from_secs(600));
    for word in &mut words {
        match word {
            "once" => event.1 = false,
            "line" => event.1 = true,
            word if word.starts_with('h') => event.0 = Some(ticket(word)?),
            word => event.2 = parse_span(word).map_err(|error| error.to_string())?,
        }
    }
    let (hold, line, span) = event;
    Ok(Event::Approve { hold, line, span })
}

fn ticket(word: &str) -> Result<usize, String> {
    let number = word.strip_prefix('h').ok_or_else(|| format!("`{word}` is no ticket like h1"))?;
    read(number)
}

fn shown(ticket: Option<usize>) -> String {
    ticket.map(|it| format!(" h{it}")).unwrap_or_default()
}

impl fmt::Display for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(moment) => write!(out, "at {moment}"),
            Self::Forward(span) => write!(out, "at +{}", format_span(*span)),
            Self::Back(span) => write!(out, "at -{}", format_span(*span)),
            Self::In(label) => write!(out, "in {label}"),
            Self::Open(line) => write!(out, "{line}"),
            Self::Call(line) => write!(out, "{line}"),
            Self::Retry => out.write_str("retry"),
            Self::Done => out.write_str("done"),
            Self::Approve { hold, line, span } => {
                let what = if *line { "line" } else { "once" };
                write!(out, "approve{} {what} {}", shown(*hold), format_span(*span))
            }
            Self::Refuse(hold) => write!(out, "refuse{}", shown(*hold)),
            Self::End => out.write_str("end"),
            Self::Tick => out.write_str("tick"),
            Self::Restart => out.write_str("restart"),
            Self::Contain(who) => write!(out, "contain {who}"),
            Self::Release(who) => write!(out, "release {who}"),
            Self::Offer(server, tool, version) => write!(out, "offer {server} {tool} {version}"),
            Self::Accept(server, tool, version) => write!(out, "accept {server} {tool} {version}"),
            Self::Activate(names) => {
                out.write_str("activate")?;
                names.iter().try_for_each(|it| write!(out, " {it}"))
            }
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(label) => write!(out, "task:{label}"),
            Self::Other(subject) => write!(out, "{subject}"),
        }
    }
}

impl fmt::Display for OpenLine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "open {} as {} template={}", self.label, self.identity, self.template)?;
        if let Some(label) = &self.under {
            write!(out, " under {label}")?;
        }
        match &self.by {
            None => {}
            Some(By::Itself) => out.write_str(" by itself")?,
            Some(By::Person) => out.write_str(" by person")?,
            Some(By::Orchestrator(who)) => write!(out, " by {who}")?,
            Some(By::Token(None)) => out.write_str(" by token")?,
            Some(By::Token(Some(server))) => write!(out, " by token:{server}")?,
        }
        if let Some(key) = &self.with {
            write!(out, " with {key}")?;
        }
        self.params.iter().try_for_each(|(name, value)| write!(out, " {name}={value}"))
    }
}

impl fmt::Display for CallLine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.stays { "send" } else { "call" };
        write!(out, "{verb} {} {}", self.server, self.tool)?;
        if let Some(who) = &self.as_ {
            write!(out, " as={who}")?;
        }
        if let Some(credential) = &self.with {
            write!(out, " with={credential}")?;
        }
        if self.bytes != 0 {
            write!(out, " bytes={}", self.bytes)?;
        }
        if !self.resources.is_empty() {
            write!(out, " on={}", joined(&self.resources))?;
        }
        if self.stale {
            out.write_str(" stale")?;
        }
        write!(out, " {}", self.arguments)
    }
}
