//! `bailiwick identity …`

use anyhow::Context;
use bailiwick_connect::{IdentityKey, check_public_pem, create_private};
use bailiwick_model::{Charter, IdentityId, Proof};
use serde::Serialize;

use crate::{
    client::Client,
    command::word,
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
            "identity   {}\nkind       {} ({})\nowner      {}\npurpose    {}\ntemplates  {}\nservers    {}\nhands on   {}\n{}",
            it.identity, it.kind, it.class, it.owner, it.purpose,
            names(it.templates.iter().map(ToString::to_string).collect()),
            names(it.servers.iter().map(ToString::to_string).collect()),
            names(it.delegates_to.iter().map(ToString::to_string).collect()),
            it.proof.iter().map(proof).collect::<String>(),
        )
    })?;
    Ok(Exit::Done)
}

/// Shows one way of proving to be it; a key by the name under which it can be contained.
fn proof(proof: &Proof) -> String {
    match proof {
        Proof::Key { path, pem } => {
            let name = check_public_pem(pem).unwrap_or_else(|error| error.to_string());
            format!("key        credential:{name} ({path})\n")
        }
        Proof::Spiffe(id) => format!("workload   {id}\n"),
        Proof::Oidc { issuer, subject, audience } => {
            let audience = audience.as_deref().unwrap_or("this governor");
            format!("oidc       {subject} of {issuer}, for {audience}\n")
        }
        Proof::Uid(uid) => format!("account    {uid}\n"),
        Proof::Enrolled => {
            "enrolled   keys that were brought in: `bailiwick identity keys`\n".to_owned()
        }
    }
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
