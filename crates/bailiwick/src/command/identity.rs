//! `bailiwick identity …`, `contain` and `release`

use std::collections::BTreeMap;

use anyhow::Context;
use bailiwick_connect::{IdentityKey, create_private};
use bailiwick_model::{Charter, IdentityId};
use serde::Serialize;

use crate::{
    admin::wire::ContainIdentity,
    cli::ByPerson,
    client::Client,
    command::{sign, word},
    exit::{CommandError, Exit, Outcome},
    output::{Output, table},
    place::Place,
};

/// `identity list`
pub(crate) async fn list(place: &Place, output: Output) -> Outcome {
    let charters = charters(place).await?;
    output.show(&charters, |it| {
        let row = |it: &Charter| {
            vec![it.identity.to_string(), it.kind.to_string(), it.owner.clone(), it.purpose.clone()]
        };
        table(&["identity", "kind", "owner", "purpose"], it.iter().map(row).collect())
    })?;
    Ok(Exit::Done)
}

/// `identity show`
pub(crate) async fn show(place: &Place, output: Output, identity: &str) -> Outcome {
    let identity: IdentityId = word(identity)?;
    let charters = charters(place).await?;
    let charter = charters
        .into_iter()
        .find(|it| it.identity == identity)
        .ok_or_else(|| CommandError::No(format!("`{identity}` has no charter")))?;
    output.show(&charter, |it| {
        let names = |all: Vec<String>| if all.is_empty() { "none".to_owned() } else { all.join(", ") };
        format!(
            "identity   {}\nkind       {} ({})\nowner      {}\npurpose    {}\ntemplates  {}\nservers    {}\nhands on   {}\n",
            it.identity, it.kind, it.class, it.owner, it.purpose,
            names(it.templates.iter().map(ToString::to_string).collect()),
            names(it.servers.iter().map(ToString::to_string).collect()),
            names(it.delegates_to.iter().map(ToString::to_string).collect()),
        )
    })?;
    Ok(Exit::Done)
}

async fn charters(place: &Place) -> Result<Vec<Charter>, CommandError> {
    Ok(match Client::reach(&place.state).await {
        Some(client) => client.get("/api/v1/identities").await?,
        None => {
            let charters = place.registry()?.charters().context("the registry cannot be read")?;
            charters.into_values().collect()
        }
    })
}

#[derive(Serialize)]
struct NewKey {
    identity: IdentityId,
    private: String,
    public: String,
}

/// `identity add --generate-key`
pub(crate) fn add(place: &Place, output: Output, identity: &str) -> Outcome {
    let identity: IdentityId = word(identity)?;
    bailiwick_connect::create_dir_private(&place.keys)
        .context("the folder of keys cannot be made")?;
    let (private, public) = (
        place.keys.join(format!("{identity}.pem")),
        place.keys.join(format!("{identity}.pub.pem")),
    );
    if private.exists() || public.exists() {
        return Err(CommandError::Words(format!("`{}` exists already", private.display())));
    }
    let key = IdentityKey::generate().context("the key cannot be made")?;
    create_private(&private, key.private_pem().expose().as_bytes())
        .context("the key cannot be written")?;
    std::fs::write(&public, key.public_pem()).context("the public key cannot be written")?;
    let made = NewKey {
        identity,
        private: private.display().to_string(),
        public: public.display().to_string(),
    };
    output.show(&made, |it| {
        format!(
            "private key  {}\npublic key   {}\nin its charter: proof = [{{ key = \"keys/{}.pub.pem\" }}]\n",
            it.private, it.public, it.identity,
        )
    })?;
    Ok(Exit::Done)
}

/// `contain`
pub(crate) async fn contain(place: &Place, output: Output, identity: &str, why: &str) -> Outcome {
    let identity: IdentityId = word(identity)?;
    let client = Client::need(&place.state).await?;
    let wish = ContainIdentity { why: why.to_owned() };
    let done: serde_json::Value =
        client.post(&format!("/api/v1/identities/{identity}/contain"), &wish).await?;
    output.show(&done, |_| format!("{identity} is contained; its tasks have ended\n"))?;
    Ok(Exit::Done)
}

/// `release`
pub(crate) async fn release(
    place: &Place,
    output: Output,
    identity: &str,
    by: &ByPerson,
) -> Outcome {
    let identity: IdentityId = word(identity)?;
    let client = Client::need(&place.state).await?;
    let signed = sign::sign(place, by, ("release", identity.as_str()), BTreeMap::new())?;
    let done: serde_json::Value =
        client.post(&format!("/api/v1/identities/{identity}/release"), &signed).await?;
    output.show(&done, |_| format!("{identity} is released; it may open tasks again\n"))?;
    Ok(Exit::Done)
}
