//! What a server's entry came out as, and where each part of it comes from.

use bailiwick_gateway::looks_secret;
use bailiwick_model::format_span;

use super::{Server, Transport};
use crate::config::{origin::Settings, read::Table};

/// What stands in the place of a secret.
const MASK: &str = "***";

/// Tells a server's settings. What may be a secret is not shown, not even to its author.
pub(super) fn tell(table: &Table<'_>, server: &Server, settings: &mut Settings<'_>) {
    let key = |name: &str| format!("server.{}.{name}", server.name);
    let at = |name: &'static str| table.get(name).at();
    match &server.transport {
        Transport::Child { command, env, dir } => {
            settings.add(key("command"), &masked(command), at("command"));
            settings.add(key("dir"), &dir.display(), at("dir"));
            let variables = if env.is_empty() { Vec::new() } else { table.get("env").named() };
            for (name, field) in variables {
                settings.add(key(&format!("env.{}", name.get_ref())), &MASK, field.at());
            }
        }
        // A route tells of itself.
        Transport::Route(_) => {}
        Transport::Http { url, ca } => {
            settings.add(key("url"), url, at("url"));
            if let Some(ca) = ca {
                settings.add(key("ca"), &ca.display(), at("ca"));
            }
        }
    }
    settings.add(key("environment"), &server.environment, at("environment"));
    settings.add(key("bound_tokens"), &server.bound_tokens, at("bound_tokens"));
    settings.add(key("pin"), &server.pin.as_str(), at("pin"));
    settings.add(key("timeout"), &format_span(server.timeout), at("timeout"));
    if !server.methods.is_empty() {
        let methods: Vec<_> = server.methods.iter().map(String::as_str).collect();
        settings.add(key("methods"), &methods.join(" "), at("methods"));
    }
    tools(table, server, settings);
}

/// Tells the operator's words on tools, as they are written.
fn tools(table: &Table<'_>, server: &Server, settings: &mut Settings<'_>) {
    let tools = if server.tools.is_empty() { Vec::new() } else { table.get("tool").named() };
    let known = |name: &str| server.tools.keys().any(|it| it.as_str() == name);
    for (tool, words) in tools.into_iter().filter(|(name, _)| known(name.get_ref())) {
        for (word, field) in words.named() {
            let written = field.at().and_then(|at| table.reader().text().get(at));
            let key = format!("server.{}.tool.{}.{}", server.name, tool.get_ref(), word.get_ref());
            settings.add(key, &written.unwrap_or_default(), field.at());
        }
    }
}

/// Writes a command, with a mask where a word looks like a secret or follows a flag that names one.
fn masked(command: &[String]) -> String {
    let mut named = "";
    let mut words = Vec::new();
    for word in command {
        words.push(match word.split_once('=') {
            Some((name, value)) if looks_secret(name, value) => format!("{name}={MASK}"),
            None if looks_secret(named, word) => MASK.to_owned(),
            Some(_) | None => word.clone(),
        });
        named = if word.starts_with('-') { word } else { "" };
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_without_its_secrets() {
        let shown =
            |words: &[&str]| masked(&words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
        assert_eq!(shown(&["server", "--root", "/srv/data"]), "server --root /srv/data");
        assert_eq!(shown(&["server", "--api-key", "abc", "x"]), "server --api-key *** x");
        assert_eq!(shown(&["server", "--token=abc"]), "server --token=***");
        assert_eq!(shown(&["env", "PASSWORD=abc", "server"]), "env PASSWORD=*** server");
        assert_eq!(
            shown(&["server", "ghp_0123456789abcdefghijklmnopqrstuvwxyzABCD"]),
            "server ***"
        );
    }
}
