//! A world as text: one line a charter, template, parameter, authority line, policy or tool.

use std::fmt;

use bailiwick_model::{
    Charter, Mode, OnWiden, ParamShape, ServerName, Template, format_span, parse_bytes, parse_span,
};

use super::{ToyLine, ToyPolicy, World};
use crate::{
    build,
    words::{Words, joined, list, pair, read},
};

impl World {
    /// Reads one line into the world; false where it is none of a world's.
    pub(crate) fn add_line(&mut self, line: &str) -> Result<bool, String> {
        let mut words = Words::of(line);
        match words.next() {
            Some("start") => self.start = words.read("a moment")?,
            Some("charter") => self.charters.push(charter(words)?),
            Some("template") => self.templates.push(template(words)?),
            Some("param") => {
                let name = words.word("a parameter")?.to_owned();
                let rule = ParamShape { pattern: Some(words.rest().to_owned()), optional: false };
                self.last()?.params.insert(name, rule);
            }
            Some("hours") => self.last()?.window.calendar = Some(read(words.rest())?),
            Some("allow") => self.allow(words)?,
            Some(kind @ ("forbid" | "ask" | "fix")) => self.policy(kind, words)?,
            Some("cedar") => {
                let name = format!("cedar-{}", self.policies.len());
                self.policies
                    .push(ToyPolicy { name, rule: ToyLine::Cedar(words.rest().to_owned()) });
            }
            Some("tool") => {
                let server = words.read("a server")?;
                self.tools.insert((server, words.word("a tool")?.to_owned()));
            }
            Some(_) | None => return Ok(false),
        }
        Ok(true)
    }

    fn last(&mut self) -> Result<&mut Template, String> {
        self.templates.last_mut().ok_or_else(|| "there is no template above".to_owned())
    }

    fn allow(&mut self, mut words: Words<'_>) -> Result<(), String> {
        let (server, tools) = (words.word("a server")?, words.word("tools")?);
        let when = words.passes("when").then(|| words.rest());
        for tool in tools.split(',') {
            self.tools.insert((read(server)?, tool.to_owned()));
        }
        let template = self.last()?;
        let place = template.allow.len().saturating_add(1);
        let source = format!("{}.toml:{place}", template.name);
        template.allow.push(build::line(server, tools, when, &source));
        Ok(())
    }

    fn policy(&mut self, kind: &str, mut words: Words<'_>) -> Result<(), String> {
        let name = words.word("a policy's name")?.to_owned();
        let server: ServerName = words.read("a server")?;
        let tool = words.word("a tool")?.to_owned();
        self.tools.insert((server.clone(), tool.clone()));
        let rule = match kind {
            "ask" => ToyLine::Ask(server, tool),
            "fix" => ToyLine::Fix(server, tool, words.word("what `x` is")?.to_owned()),
            _ => ToyLine::Forbid(server, tool),
        };
        self.policies.push(ToyPolicy { name, rule });
        Ok(())
    }
}

fn charter(mut words: Words<'_>) -> Result<Charter, String> {
    let mut charter = build::charter(words.word("an identity")?);
    for word in words {
        match pair(word)? {
            ("templates", names) => charter.templates = list(names)?,
            ("servers", names) => charter.servers = list(names)?,
            ("delegates", names) => charter.delegates_to = list(names)?,
            (other, _) => return Err(format!("a charter has no `{other}`")),
        }
    }
    Ok(charter)
}

fn template(mut words: Words<'_>) -> Result<Template, String> {
    let mut template = build::template(words.word("a template's name")?);
    let text = |error: bailiwick_model::SpanError| error.to_string();
    for word in words {
        match pair(word)? {
            ("widen", word) => {
                template.on_widen = OnWiden::from_word(word).ok_or("widen is deny or hold")?;
            }
            ("max", span) => template.window.max = parse_span(span).map_err(text)?,
            ("idle", span) => template.window.idle = Some(parse_span(span).map_err(text)?),
            ("calls", number) => template.budget.calls = Some(read(number)?),
            ("bytes", size) => template.budget.bytes_out = Some(parse_bytes(size).map_err(text)?),
            ("day-calls", number) => {
                template.day.get_or_insert_default().calls = Some(read(number)?);
            }
            ("day-bytes", size) => {
                template.day.get_or_insert_default().bytes_out =
                    Some(parse_bytes(size).map_err(text)?);
            }
            ("open", number) => template.max_open = Some(read(number)?),
            ("observe", until) => {
                template.mode =
                    Mode::Observe { owner: "team-test".to_owned(), until: read(until)? };
            }
            (other, _) => return Err(format!("a template has no `{other}`")),
        }
    }
    Ok(template)
}

impl fmt::Display for World {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "start {}", self.start)?;
        for it in &self.charters {
            writeln!(
                out,
                "charter {} templates={} servers={} delegates={}",
                it.identity,
                joined(&it.templates),
                joined(&it.servers),
                joined(&it.delegates_to),
            )?;
        }
        self.templates.iter().try_for_each(|it| write_template(it, out))?;
        for it in &self.policies {
            match &it.rule {
                ToyLine::Forbid(server, tool) => {
                    writeln!(out, "forbid {} {server} {tool}", it.name)?;
                }
                ToyLine::Ask(server, tool) => writeln!(out, "ask {} {server} {tool}", it.name)?,
                ToyLine::Fix(server, tool, value) => {
                    writeln!(out, "fix {} {server} {tool} {value}", it.name)?;
                }
                ToyLine::Cedar(text) => writeln!(out, "cedar {text}")?,
            }
        }
        self.tools.iter().try_for_each(|(server, tool)| writeln!(out, "tool {server} {tool}"))
    }
}

fn write_template(it: &Template, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(out, "template {} widen={} max={}", it.name, it.on_widen, format_span(it.window.max))?;
    if let Some(idle) = it.window.idle {
        write!(out, " idle={}", format_span(idle))?;
    }
    if let Some(calls) = it.budget.calls {
        write!(out, " calls={calls}")?;
    }
    if let Some(bytes) = it.budget.bytes_out {
        write!(out, " bytes={bytes}")?;
    }
    let day = it.day.unwrap_or_default();
    if let Some(calls) = day.calls {
        write!(out, " day-calls={calls}")?;
    }
    if let Some(bytes) = day.bytes_out {
        write!(out, " day-bytes={bytes}")?;
    }
    if let Some(open) = it.max_open {
        write!(out, " open={open}")?;
    }
    if let Mode::Observe { until, .. } = &it.mode {
        write!(out, " observe={until}")?;
    }
    writeln!(out)?;
    for (name, rule) in &it.params {
        writeln!(out, "  param {name} {}", rule.pattern.as_deref().unwrap_or(".*"))?;
    }
    if let Some(calendar) = &it.window.calendar {
        writeln!(out, "  hours {calendar}")?;
    }
    for line in &it.allow {
        let when = line.when.as_ref().map(|it| format!(" when {it}")).unwrap_or_default();
        writeln!(out, "  allow {} {}{when}", line.server, joined(&line.tools))?;
    }
    Ok(())
}
