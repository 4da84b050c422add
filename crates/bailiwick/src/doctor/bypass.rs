//! The bypass proof: each server is called without Bailiwick, and wants to refuse.
//!
//! What a governor decides is worth as much as the way around it is long. Where a server answers
//! somebody who shows nothing, that way has no length at all, and no charter changes it.

mod http;
mod program;

use super::finding::Finding;
use crate::config::{Config, Transport};

pub(super) async fn look(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    for server in &config.servers {
        let name = format!("server {}", server.name);
        match &server.transport {
            // Whether an API answers strangers only its own documentation says.
            Transport::Route(_) => {}
            Transport::Http { url, .. } => found.push(http::look(&name, url).await),
            Transport::Child { env, dir, .. } => {
                let own = std::env::current_exe().unwrap_or_default();
                let command = server.transport.command_with(&own).unwrap_or_default();
                found.extend(program::look(&name, &command, env, dir));
            }
        }
    }
    found
}
