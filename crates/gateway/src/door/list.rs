//! Lists: only what this task could ever be allowed to ask for.

use std::{collections::BTreeSet, sync::Arc};

use bailiwick_connect::Audience;
use bailiwick_model::{Action, ActionKind, ServerName};
use http::StatusCode;
use serde_json::value::RawValue;

use super::{
    ask::{Asked, LIST_TTL, START_WAIT},
    between::passed_on,
    enter::no_room,
    lists::Under,
};
use crate::{
    classify,
    jsonrpc::{Answer, RawObject, Refused, code},
    known,
    mcp::{
        Era,
        answers::{self, Listed},
        bridge, names, param_header,
    },
    upstream::{Catalog, DECORATION, ToolDefinition, UpstreamError},
};

/// How many pages of a server's list are asked for.
const PAGES_MAX: usize = 64;

impl Asked<'_> {
    /// Answers a list.
    pub(super) async fn list(&self, listed: Listed) -> Result<Box<RawValue>, Refused> {
        let items = match &self.audience {
            Audience::Server(server) | Audience::Route(server) => {
                self.items(server, listed).await?
            }
            Audience::All => self.joined(listed).await,
        };
        Ok(answers::list(listed, &items, self.era, LIST_TTL))
    }

    /// Lists what all servers offer, under joined names. A server that is down offers nothing.
    async fn joined(&self, listed: Listed) -> Vec<Box<RawValue>> {
        if matches!(listed, Listed::Resources | Listed::ResourceTemplates) {
            return Vec::new();
        }
        let mut all = Vec::new();
        for server in self.door.lane.upstreams().names() {
            match self.items(server, listed).await {
                Ok(items) => {
                    all.extend(items.iter().filter_map(|it| names::joined(server, it).ok()));
                }
                Err(refused) => {
                    tracing::warn!(%server, why = refused.message, "left out of a list");
                }
            }
        }
        all
    }

    /// Lists what one server offers and this task could ever use.
    async fn items(
        &self,
        server: &ServerName,
        listed: Listed,
    ) -> Result<Vec<Box<RawValue>>, Refused> {
        if !self.reaches(server) {
            return Ok(Vec::new());
        }
        let down = |error: UpstreamError| {
            Refused::new(StatusCode::OK, code::INTERNAL_ERROR, error.to_string())
        };
        let catalog = self.door.lane.upstreams().catalog(server, START_WAIT).await.map_err(down)?;
        match listed {
            Listed::Tools => Ok(self.tools(server, &catalog)),
            Listed::Resources => self.fetched(server, listed, (ActionKind::Resource, "uri")).await,
            Listed::ResourceTemplates => {
                self.fetched(server, listed, (ActionKind::Resource, "uriTemplate")).await
            }
            Listed::Prompts => self.fetched(server, listed, (ActionKind::Prompt, "name")).await,
        }
    }

    fn tools(&self, server: &ServerName, catalog: &Arc<Catalog>) -> Vec<Box<RawValue>> {
        // A tool that wants headers nobody can send is not offered.
        let sendable = |tool: &ToolDefinition| {
            tool.schema.as_ref().is_none_or(|it| param_header::param_headers(it).is_ok())
        };
        let shown = |tool: &ToolDefinition| sendable(tool).then(|| self.shown(&tool.raw)).flatten();
        let write = || catalog.tools.iter().map(shown).collect();
        let written = self.door.lists.written((server, self.era), catalog, write);
        let seen = self.seen_tools(server, catalog);
        let visible = written.iter().zip(seen.iter()).filter(|(_, seen)| **seen);
        visible.filter_map(|(tool, _)| tool.clone()).collect()
    }

    /// Says of each tool whether the task could ever use it.
    fn seen_tools(&self, server: &ServerName, catalog: &Arc<Catalog>) -> Arc<[bool]> {
        let of = (self.caller.task.clone(), server.clone());
        let under = self.under(server, catalog);
        if let Some(seen) = under.as_ref().and_then(|it| self.door.lists.seen(&of, it)) {
            return seen;
        }
        let could = |tool: &ToolDefinition| {
            let (server, name) = (server.clone(), tool.name.clone());
            self.could_ever(&Action { server, kind: ActionKind::Tool, name }, Some(catalog))
        };
        let seen: Arc<[bool]> = catalog.tools.iter().map(could).collect();
        // What changed meanwhile may have changed some of it.
        if let Some(under) = under.filter(|it| self.under(server, catalog).as_ref() == Some(it)) {
            self.door.lists.keep(of, under, Arc::clone(&seen));
        }
        seen
    }

    /// Gives all that a list of a server's tools depends on now; none where there is no such task.
    fn under(&self, server: &ServerName, catalog: &Arc<Catalog>) -> Option<Under> {
        let desk = self.door.lane.desk();
        let slot = desk.slot(&self.caller.task)?;
        let state = slot.lock();
        let snapshot = desk.snapshot();
        let counts = state.task().generation == self.caller.generation;
        let sight = bailiwick_kernel::sight(&snapshot, &state, server, desk.now());
        (counts && !self.is_contained()).then(|| Under::new(&snapshot, catalog, sight))
    }

    /// Writes a definition as this client takes it.
    fn shown(&self, definition: &RawValue) -> Option<Box<RawValue>> {
        let definition = undecorated(definition)?;
        match self.era {
            Era::Legacy => bridge::to_legacy_tool(&definition).ok(),
            Era::Modern => Some(definition),
        }
    }

    /// Asks the server for all pages of a list, and keeps what could ever be used.
    async fn fetched(
        &self,
        server: &ServerName,
        listed: Listed,
        (kind, member): (ActionKind, &str),
    ) -> Result<Vec<Box<RawValue>>, Refused> {
        let method = match listed {
            Listed::Tools => "tools/list",
            Listed::Resources => "resources/list",
            Listed::ResourceTemplates => "resources/templates/list",
            Listed::Prompts => "prompts/list",
        };
        let (mut kept, mut cursor, mut seen) = (Vec::new(), None::<String>, BTreeSet::new());
        let mut bytes = 0_usize;
        for _ in 0..PAGES_MAX {
            let params = cursor.as_ref().map(|it| {
                crate::jsonrpc::raw_of(&std::collections::BTreeMap::from([("cursor", it)]))
            });
            let asked = (method, params.as_deref());
            let share = self.listener.share();
            let reply = self.door.lane.upstreams().plain(server, asked, share).await;
            let reply = reply.map_err(|error| {
                Refused::new(StatusCode::OK, code::INTERNAL_ERROR, error.to_string())
            })?;
            let result = match self.back(server, method, reply).await {
                Answer::Result(result) => result,
                // A server without such things says that it does not know the method.
                Answer::Error(error) if says_unknown(&error) => return Ok(kept),
                Answer::Error(error) => return Err(passed_on(&error)),
            };
            bytes = bytes.saturating_add(result.get().len());
            if let Some(share) = self.listener.share() {
                share.reach(bytes).map_err(no_room)?;
            }
            let Ok(page) = RawObject::read(result.get()) else { break };
            let items = page.get(listed.member()).map_or("[]", RawValue::get);
            let items: Vec<Box<RawValue>> = serde_json::from_str(items).unwrap_or_default();
            kept.extend(items.into_iter().filter(|item| {
                let name = RawObject::read(item.get()).ok().and_then(|it| it.text(member));
                name.is_some_and(|name| {
                    let action = Action { server: server.clone(), kind, name };
                    self.could_ever(&action, None)
                })
            }));
            cursor = page.text("nextCursor").filter(|it| seen.insert(it.clone()));
            if cursor.is_none() {
                break;
            }
        }
        Ok(kept)
    }

    pub(super) fn could_ever(&self, action: &Action, catalog: Option<&Catalog>) -> bool {
        if self.is_contained() {
            return false;
        }
        let desk = self.door.lane.desk();
        let spec = self.door.lane.upstreams().spec(&action.server);
        let liked = BTreeSet::new();
        let facts = classify::action_facts(action, &known::known(action, spec, catalog, &liked));
        desk.slot(&self.caller.task).is_some_and(|slot| {
            let state = slot.lock();
            state.task().generation == self.caller.generation
                && bailiwick_kernel::could_ever(
                    &desk.snapshot(),
                    &state,
                    action,
                    (&facts, known::offered(action, catalog)),
                    desk.now(),
                )
        })
    }

    /// Says whether the caller, or a credential that it shows, is contained.
    fn is_contained(&self) -> bool {
        let snapshot = self.door.lane.desk().snapshot();
        !snapshot.contained_of_identity(&self.caller.identity, &self.caller.credentials).is_empty()
    }

    /// Says whether the caller's task reaches a server at all, under a token that still counts.
    pub(super) fn reaches(&self, server: &ServerName) -> bool {
        if self.is_contained() {
            return false;
        }
        let desk = self.door.lane.desk();
        desk.slot(&self.caller.task).is_some_and(|slot| {
            let state = slot.lock();
            state.task().generation == self.caller.generation
                && state.task().identity == self.caller.identity
                && bailiwick_kernel::reaches(&desk.snapshot(), &state, server, desk.now())
        })
    }
}

/// Writes a definition without what no pin covers: what an agent reads is what was accepted.
fn undecorated(definition: &RawValue) -> Option<Box<RawValue>> {
    let mut written = definition.to_owned();
    for name in DECORATION {
        written = RawObject::read(written.get()).ok()?.without(name).ok()?;
    }
    Some(written)
}

fn says_unknown(error: &RawValue) -> bool {
    RawObject::read(error.get())
        .ok()
        .and_then(|it| it.get("code").map(|it| it.get() == "-32601"))
        .unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_is_served_without_what_no_pin_covers() {
        let served = |text: &str| {
            let raw = RawValue::from_string(text.to_owned()).unwrap();
            undecorated(&raw).map(|it| it.get().to_owned())
        };
        assert_eq!(
            served(
                r#"{"_meta":{"do":"this"}, "name":"a","icons":[{"src":"https://e"}],"inputSchema":{"_meta":1}}"#
            ),
            Some(r#"{"name":"a","inputSchema":{"_meta":1}}"#.to_owned())
        );
        assert_eq!(served(r#"{ "name" : "a" }"#), Some(r#"{ "name" : "a" }"#.to_owned()));
        assert_eq!(served("7"), None);
    }
}
