//! `bailiwick keys …`

use crate::{
    admin::wire::{KeyView, Keys, WithdrawKey},
    cli::KeysCommand,
    client::Client,
    exit::{Exit, Outcome},
    output::{Output, table},
    place::Place,
};

/// `keys list`, `keys rotate` and `keys withdraw`: each shows what there is then.
pub(crate) async fn ask(place: &Place, output: Output, command: KeysCommand) -> Outcome {
    let client = Client::need(&place.state).await?;
    let keys: Keys = match command {
        KeysCommand::List => client.get("/api/v1/keys").await?,
        KeysCommand::Rotate => client.post("/api/v1/keys/rotate", &()).await?,
        KeysCommand::Withdraw { key, all: _ } => {
            client.post("/api/v1/keys/withdraw", &WithdrawKey { key }).await?
        }
    };
    output.show(&keys, drawn)?;
    Ok(Exit::Done)
}

fn drawn(keys: &Keys) -> String {
    let row = |it: &KeyView| {
        let when = match (&it.signs_from, &it.counts_until) {
            (Some(from), _) if it.state == "current" => format!("signs since {from}"),
            (Some(from), _) => format!("published, signs from {from}"),
            (None, Some(until)) => format!("its tokens count until {until}"),
            (None, None) => String::new(),
        };
        vec![it.key.clone(), it.state.clone(), when]
    };
    table(&["key", "state", ""], keys.keys.iter().map(row).collect())
}
