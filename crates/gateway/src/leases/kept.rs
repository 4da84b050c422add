//! A secret that the gateway keeps and puts into requests, as a target: who has a lease of it gets nothing,
//! and its end is that no request of the task gets it any more.

use std::sync::Arc;

use bailiwick_connect::{
    Attempt, Broker, BrokerError, Credential, EndedLease, EnforcedAs, Issued, LeaseOrder, Vault,
};
use bailiwick_model::{LeaseId, SecretName, TargetName};

use crate::upstream::kept;

/// The leases of one kept secret.
#[derive(Debug)]
pub struct KeptSecret {
    target: TargetName,
    secret: SecretName,
    vault: Arc<Vault>,
}

impl KeptSecret {
    /// Makes the target `secret.NAME`; none where that is no name of one.
    pub fn of(secret: SecretName, vault: Arc<Vault>) -> Option<Self> {
        Some(Self { target: kept(&secret)?, secret, vault })
    }

    fn made(&self, order: &LeaseOrder) -> Result<Issued, BrokerError> {
        let why = |error: bailiwick_connect::VaultError| error.to_string();
        let refused = |why| BrokerError::Refused { target: self.target.clone(), why };
        self.vault.get(&self.secret).map_err(why).map_err(refused)?;
        // Which of its values a request had is in the outcome of each.
        let (credential, called, until) =
            (Credential::default(), self.secret.to_string(), order.until);
        Ok(Issued { credential, called, until, keepsake: None, unfit: None })
    }
}

impl Broker for KeptSecret {
    fn target(&self) -> &TargetName {
        &self.target
    }

    fn reach(&self) -> EnforcedAs {
        EnforcedAs::Prevent
    }

    fn issue<'a>(&'a self, order: &'a LeaseOrder) -> Attempt<'a, Issued> {
        Box::pin(async { self.made(order) })
    }

    fn revoke<'a>(&'a self, _: &'a EndedLease) -> Attempt<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn found(&self) -> Attempt<'_, Vec<LeaseId>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
