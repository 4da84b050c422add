//! `bailiwick signals`

use serde::{Deserialize, Serialize};

use crate::{
    client::Client,
    exit::{Exit, Outcome},
    output::{Output, table},
    place::Place,
};

/// How a receiver stands.
#[derive(Debug, Serialize, Deserialize)]
struct View {
    receiver: String,
    delivery: String,
    waiting: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oldest: Option<String>,
    taken: u64,
    lost: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

/// Shows how everybody stands who is told what happens here.
pub(crate) async fn list(place: &Place, output: Output) -> Outcome {
    let client = Client::need(&place.state).await?;
    let views: Vec<View> = client.get("/api/v1/signals").await?;
    output.show(&views, |it| drawn(it))?;
    Ok(Exit::Done)
}

fn drawn(views: &[View]) -> String {
    let row = |it: &View| {
        vec![
            it.receiver.clone(),
            it.delivery.clone(),
            it.waiting.to_string(),
            it.oldest.clone().unwrap_or_default(),
            it.taken.to_string(),
            it.lost.to_string(),
            it.trouble.clone().unwrap_or_default(),
        ]
    };
    let head = ["receiver", "delivery", "waiting", "oldest", "taken", "lost", "trouble"];
    table(&head, views.iter().map(row).collect())
}
