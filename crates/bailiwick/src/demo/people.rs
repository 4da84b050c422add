//! The people of the demonstration: two who may open a break-glass task together.

use std::collections::BTreeMap;

use anyhow::Context;
use bailiwick_connect::{PersonKey, Secret, Statement, Stretch};
use bailiwick_model::{Person, PersonName};

use crate::{
    admin::wire::{AddPerson, SignedWord},
    client::Client,
    command::sign::{self, GOVERNOR},
};

/// One person, with their key at hand.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) name: PersonName,
    key: PersonKey,
    issuer: String,
}

impl Actor {
    /// Makes a person's key, and has the governor know them by the word of `voucher`.
    pub(super) async fn join(
        (client, issuer): (&Client, &str),
        name: &str,
        voucher: Option<&Self>,
    ) -> anyhow::Result<Self> {
        let name: PersonName = name.parse()?;
        let passphrase = Secret::new(bailiwick_connect::random_text()?);
        let sealed = PersonKey::generate(&name, &passphrase, Stretch::STANDARD)?;
        let key = PersonKey::open(&name, &sealed.file, &passphrase, Stretch::STANDARD)?;
        let details = BTreeMap::from([("key".to_owned(), sealed.public_key.clone())]);
        let vouched =
            voucher.map(|it| it.says("add-person", name.as_str(), details)).transpose()?;
        let wish = AddPerson { name: name.clone(), key: sealed.public_key, voucher: vouched };
        let _added: Person = client.post("/api/v1/persons", &wish).await?;
        Ok(Self { name, key, issuer: issuer.to_owned() })
    }

    /// Signs one statement.
    pub(super) fn says(
        &self,
        what: &str,
        subject: &str,
        mut details: BTreeMap<String, String>,
    ) -> anyhow::Result<SignedWord> {
        details.insert(GOVERNOR.to_owned(), self.issuer.clone());
        let statement = Statement::new(self.name.clone(), what, subject, details, sign::now())?;
        let signed = self.key.sign(&statement).context("the statement cannot be signed")?;
        Ok(SignedWord { by: self.name.clone(), signed })
    }
}
