//! A person's mandate: the grant (ID-JAG) with which their provider lets a client work on their behalf.
//!
//! The client proves itself besides. What it may do is its charter's and its template's affair: a mandate
//! says for whom, may narrow what for and where, and gives nothing.

use std::collections::BTreeSet;

use bailiwick_connect::{Audience, IdJag, is_id_jag};
use bailiwick_model::{OnBehalf, ServerName};

use super::{
    Client, Oauth,
    details::Wish,
    form::Form,
    refusal::{Code, TokenRefusal},
};

/// What metadata call it.
pub(super) const PROFILE: &str = "urn:ietf:params:oauth:grant-profile:id-jag";

/// Says whether such a grant came along.
pub(super) fn is_shown(form: &Form) -> bool {
    form.get("assertion").is_some_and(is_id_jag)
}

/// A grant that was verified for the client that shows it.
#[derive(Debug)]
pub(super) struct Mandate {
    grant: IdJag,
    /// What the person's provider says it is for, at most.
    audience: Option<Audience>,
}

impl Mandate {
    /// Reads the grant, which must be one for `client`.
    pub(super) async fn read(
        oauth: &Oauth,
        form: &Form,
        client: &Client,
    ) -> Result<Self, TokenRefusal> {
        let assertion = form.needed("assertion")?;
        let grant = oauth.attestor.id_jag(assertion, oauth.now()).await;
        let grant = grant.map_err(|error| refused(error.into()))?;
        if grant.client != client.identity.as_str() {
            let text = format!("the grant is for another client than `{}`", client.identity);
            return Err(Code::InvalidGrant.says(text));
        }
        let audience = match grant.resource.as_deref() {
            None => None,
            Some(resource) => {
                let found = oauth.mint.issuer().audience(resource);
                let unknown = || Code::InvalidTarget.says("the grant's `resource` is none of ours");
                Some(found.ok_or_else(unknown)?)
            }
        };
        Ok(Self { grant, audience })
    }

    /// Reads what is wanted: what the grant itself says, else what the client says.
    pub(super) fn wish(&self, asked: Option<&str>, client: &Client) -> Result<Wish, TokenRefusal> {
        let granted = match &self.grant.details {
            None => return Self::checked(Wish::read(asked, client)?),
            Some(details) => Self::checked(Wish::read(Some(&details.canonical()), client)?)?,
        };
        match asked {
            None => Ok(granted),
            Some(asked) if Wish::read(Some(asked), client)? == granted => Ok(granted),
            Some(_) => {
                let text = "the grant says what it is for: leave `authorization_details` out";
                Err(Code::InvalidDetails.says(text))
            }
        }
    }

    /// A mandate opens a task of the client's own. One that is open has its person, and so has one that is
    /// handed on.
    fn checked(wish: Wish) -> Result<Wish, TokenRefusal> {
        let text = match &wish {
            Wish::Open(opening) if opening.handed.is_some() => {
                "a task that is handed on is one for the person of the task above: leave the grant out"
            }
            Wish::Again(_) => "an open `task` gets its tokens by `client_credentials`",
            Wish::Open(_) | Wish::Usual(_) => return Ok(wish),
        };
        Err(Code::InvalidDetails.says(text))
    }

    /// Gives whom the token is for at most, where the grant says so.
    pub(super) const fn audience(&self) -> Option<&Audience> {
        self.audience.as_ref()
    }

    /// Checks that the scope of the resource is among those of the grant, where it has any. The scope of
    /// everything behind the gateway holds that of each server; words that are not ours give nothing.
    pub(super) fn check_scope(&self, audience: &Audience) -> Result<(), TokenRefusal> {
        let Some(scope) = &self.grant.scope else { return Ok(()) };
        let (wanted, all) = (audience.scope(), Audience::All.scope());
        if scope.split(' ').any(|it| it == wanted || it == all) {
            return Ok(());
        }
        Err(Code::InvalidScope.says(format!("the grant is not one for `{wanted}`")))
    }

    /// Uses the grant up, so that nobody redeems it besides, and gives the person.
    pub(super) fn use_up(&self, oauth: &Oauth, client: &Client) -> Result<OnBehalf, TokenRefusal> {
        let used = oauth.attestor.use_up_grant(&self.grant, &client.identity, oauth.now());
        used.map_err(|error| refused(error.into()))?;
        Ok(OnBehalf { only: self.only(), ..self.grant.on_behalf.clone() })
    }

    /// Gives the servers that both the grant's resource and its scope are for; none where it is for all.
    fn only(&self) -> Option<BTreeSet<ServerName>> {
        let resource = self.audience.as_ref().and_then(|it| match it {
            Audience::All => None,
            Audience::Server(server) | Audience::Route(server) => {
                Some(BTreeSet::from([server.clone()]))
            }
        });
        let scope = self.grant.scope.as_deref().and_then(servers_of);
        match (resource, scope) {
            (Some(one), Some(other)) => Some(one.intersection(&other).cloned().collect()),
            (one, other) => one.or(other),
        }
    }

    /// Gives the grant back, where no token came of it.
    pub(super) fn give_back(&self, oauth: &Oauth, client: &Client) {
        oauth.attestor.give_back_grant(&self.grant, &client.identity);
    }
}

/// Gives the servers that a scope is for; none where it is for all.
fn servers_of(scope: &str) -> Option<BTreeSet<ServerName>> {
    let all = Audience::All.scope();
    let words = || scope.split(' ');
    let server =
        |it: &str| it.strip_prefix("mcp:").or_else(|| it.strip_prefix("http:"))?.parse().ok();
    (!words().any(|it| it == all)).then(|| words().filter_map(server).collect())
}

/// The client is proved, and its grant is not good (RFC 7523, section 3.1).
fn refused(refusal: TokenRefusal) -> TokenRefusal {
    refusal.under(Code::InvalidGrant)
}
