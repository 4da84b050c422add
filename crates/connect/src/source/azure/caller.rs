//! Who called, by the claims of the token that was shown.

use std::borrow::Cow;

use bailiwick_model::{Actor, ActorKind, Platform};

use crate::source::{fields::Fields, loose::Text};

const UPN: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";
const NAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";
const OBJECT: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";

/// Reads claims: a person goes by its name, and an application by its object's id, as role assignments name it.
pub(super) fn of_claims<'a>(claims: &Fields<'a>, caller: Text<'a>) -> Actor<'a> {
    let credential = claims.first(&["uti", "http://schemas.microsoft.com/identity/claims/uti"]).0;
    let (object, app) =
        (claims.first(&[OBJECT, "oid", "objectId"]), claims.first(&["appid", "azp"]));
    let mut person = claims.first(&[UPN, "upn", "unique_name", NAME, "name"]).or(caller.clone());
    if claims.text("idtyp").0 == "app" || !person.0.contains('@') {
        person = Text::default();
    }
    let (id, kind) = if !person.is_empty() {
        (person, ActorKind::Person)
    } else if app.is_empty() && object.is_empty() {
        (caller, ActorKind::Unknown)
    } else {
        let is_app = !app.is_empty();
        (object.or(app), if is_app { ActorKind::Service } else { ActorKind::Unknown })
    };
    named(id, kind, credential)
}

/// Makes an actor of a name.
pub(super) fn named<'a>(id: Text<'a>, kind: ActorKind, credential: Cow<'a, str>) -> Actor<'a> {
    Actor { id: Platform::Azure.name_of(id.0), kind, credential, ..Actor::default() }
}

/// Ways to reach data without an identity.
const KEYS: [&str; 4] = ["AccountKey", "SAS", "Anonymous", "DelegationSas"];

/// Says by which sort of key data was reached, where no identity was shown: the key is its holder's only name.
pub(super) fn of_key<'a>(
    identity: &Fields<'a>,
    account: &str,
) -> Option<(&'static str, Actor<'a>)> {
    let kind = identity.text("type").0;
    let kind = *KEYS.iter().find(|it| **it == kind)?;
    let who = if kind == "Anonymous" { ActorKind::Anonymous } else { ActorKind::Unknown };
    let id = Text(format!("{kind} of {account}").into());
    Some((kind, named(id, who, identity.text("tokenHash").0)))
}
