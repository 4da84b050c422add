//! `bailiwick server …` and `reload`

use std::collections::BTreeMap;

use crate::{
    admin::wire::{Accepted, ServerView, Servers},
    cli::ByPerson,
    client::Client,
    command::sign,
    exit::{CommandError, Exit, Outcome},
    output::{Output, table},
    place::Place,
};

/// `server list`
pub(crate) async fn list(place: &Place, output: Output) -> Outcome {
    let client = Client::need(&place.state).await?;
    let servers: Servers = client.get("/api/v1/servers").await?;
    output.show(&servers, drawn)?;
    Ok(Exit::Done)
}

/// `server show`
pub(crate) async fn show(place: &Place, output: Output, server: &str) -> Outcome {
    let client = Client::need(&place.state).await?;
    let mut servers: Servers = client.get("/api/v1/servers").await?;
    servers.servers.retain(|it| it.server == server);
    let found = servers.servers.first();
    let found = found.ok_or_else(|| CommandError::No(format!("there is no server `{server}`")))?;
    output.show(found, |_| drawn(&servers))?;
    Ok(Exit::Done)
}

fn drawn(servers: &Servers) -> String {
    let mut rows = Vec::new();
    for ServerView { server, status, tools } in &servers.servers {
        rows.push(vec![server.clone(), status.clone(), String::new(), String::new()]);
        for tool in tools {
            let by = tool.accepted.as_ref().map(|it| format!("{} by {}", it.at, it.by));
            rows.push(vec![
                String::new(),
                tool.state.clone(),
                tool.tool.clone(),
                by.unwrap_or_default(),
            ]);
        }
    }
    table(&["server", "state", "tool", "pinned"], rows)
}

/// `server accept`: the person signs the digests they accept.
pub(crate) async fn accept(
    place: &Place,
    output: Output,
    (server, tool): (&str, Option<&str>),
    by: &ByPerson,
) -> Outcome {
    let client = Client::need(&place.state).await?;
    let offered: BTreeMap<String, String> =
        client.get(&format!("/api/v1/servers/{server}/offer")).await?;
    let details: BTreeMap<_, _> =
        offered.into_iter().filter(|(name, _)| tool.is_none_or(|it| it == name)).collect();
    if details.is_empty() {
        return Err(CommandError::No(format!("`{server}` offers no such tool at the moment")));
    }
    let signed = sign::sign(place, by, ("accept-tools", server), details)?;
    let accepted: Accepted =
        client.post(&format!("/api/v1/servers/{server}/accept"), &signed).await?;
    output.show(&accepted, |it| format!("accepted {} of {}\n", it.tools.join(", "), it.server))?;
    Ok(Exit::Done)
}

/// `reload`
pub(crate) async fn reload(place: &Place, output: Output) -> Outcome {
    let client = Client::need(&place.state).await?;
    let done: serde_json::Value = client.post("/api/v1/reload", &()).await?;
    output.show(&done, |it| format!("{it}\n"))?;
    Ok(Exit::Done)
}
