//! `charters/*.toml`: one identity each, with its purpose and its bounds.

use std::{collections::BTreeSet, ops::Range, path::Path};

use bailiwick_insight::{Intent, NativeName, SystemName};
use bailiwick_model::{
    Charter, Class, IdentityId, IdentityKind, Proof, ServerName, SpiffeId, TargetName, TemplateName,
};
use toml::Spanned;

use super::{
    Code,
    file::{Source, read_text},
    read::{Field, Reader, Table, filled},
};

/// A charter as it was read, with the places of what it names elsewhere.
#[derive(Debug)]
pub(super) struct CharterFile {
    /// The charter.
    pub(super) charter: Charter,
    /// The name of its identity, and where it stands.
    pub(super) identity: Range<usize>,
    /// The templates it names.
    pub(super) templates: Vec<Spanned<TemplateName>>,
    /// The servers it names.
    pub(super) servers: Vec<Spanned<ServerName>>,
    /// The targets it names.
    pub(super) targets: Vec<Spanned<TargetName>>,
    /// The identities it may delegate to.
    pub(super) delegates: Vec<Spanned<IdentityId>>,
    /// Its proofs' places, in their order.
    pub(super) proofs: Vec<Range<usize>>,
    /// What it says of systems elsewhere, which an audit holds their logs against.
    pub(super) intent: Intent,
    /// The file.
    pub(super) source: Source,
}

/// Reads one charter. Keys are looked for below `home`.
pub(super) fn read(source: &Source, home: &Path, reader: &Reader) -> Option<CharterFile> {
    let file = reader.read(|root| read_root(root, source, home)).flatten()?;
    if file.charter.identity.as_str() != source.stem() {
        let message =
            format!("the charter of `{}` stands in `{}`", file.charter.identity, source.name);
        let warning = reader.warning(Code::CharterFile, file.identity.clone(), message);
        let name =
            format!("call the file `{}.toml`, so that people find it", file.charter.identity);
        reader.push(warning.help(name));
    }
    Some(file)
}

fn read_root(root: &Table<'_>, source: &Source, home: &Path) -> Option<CharterFile> {
    let identity = root.get("identity").required().parsed::<IdentityId>();
    let kind = root.get("kind").required().word(IdentityKind::ALL, IdentityKind::as_str);
    let class = root.get("class").required().parsed::<Class>();
    let owner = root.get("owner").required().made(filled);
    let purpose = root.get("purpose").required().made(filled);
    let proof = proofs(root, home);
    let templates = names::<TemplateName>(&root.get("templates"));
    let servers = names::<ServerName>(&root.get("servers"));
    let targets = names::<TargetName>(&root.get("targets"));
    let delegates = names::<IdentityId>(&root.get("delegates_to"));
    let systems = names::<SystemName>(&root.get("systems"));
    let known_as = names::<NativeName>(&root.get("known_as"));
    root.not_yet("allow", "is not enforced yet: no charter carries a standing grant");
    let identity = identity?;
    if identity.get_ref().is_canary() {
        let message = "this name is kept for the leases that prove targets";
        root.get("identity").wrong(message);
    }
    let charter = Charter {
        identity: identity.get_ref().clone(),
        kind: kind?,
        class: class?.into_inner(),
        owner: owner?.into_inner(),
        purpose: purpose?.into_inner(),
        proof: proof.iter().map(|it| it.get_ref().clone()).collect(),
        templates: set(&templates),
        servers: set(&servers),
        targets: set(&targets),
        delegates_to: set(&delegates),
    };
    let proofs = proof.iter().map(Spanned::span).collect();
    let intent = Intent {
        identity: charter.identity.to_string(),
        owner: charter.owner.clone(),
        systems: set(&systems),
        known_as: set(&known_as),
        servers: charter.servers.iter().map(ToString::to_string).collect(),
        targets: charter.targets.iter().map(ToString::to_string).collect(),
    };
    let (identity, source) = (identity.span(), source.clone());
    Some(CharterFile {
        charter,
        identity,
        templates,
        servers,
        targets,
        delegates,
        proofs,
        intent,
        source,
    })
}

fn names<T: std::str::FromStr<Err: std::fmt::Display>>(field: &Field<'_>) -> Vec<Spanned<T>> {
    field.items().iter().filter_map(Field::parsed).collect()
}

fn set<T: Clone + Ord>(names: &[Spanned<T>]) -> BTreeSet<T> {
    names.iter().map(|it| it.get_ref().clone()).collect()
}

fn proofs(root: &Table<'_>, home: &Path) -> Vec<Spanned<Proof>> {
    let field = root.get("proof");
    let items = field.items();
    let mut proofs = Vec::new();
    for item in &items {
        let Some(at) = item.at() else { continue };
        let proof = item.table(|table| proof(table, home)).flatten();
        proofs.extend(proof.map(|proof| Spanned::new(at, proof)));
    }
    if !field.is_given() || field.is_empty_list() {
        let at = field.at().unwrap_or_else(|| root.at());
        let message = "nothing proves this identity: it can open no task by itself";
        let help = "`bailiwick identity add ID --generate-key` makes a key; a proof is `{ key = \"keys/ID.pub.pem\" }` or `{ uid = 1000 }`";
        root.reader().push(root.reader().warning(Code::NoProof, at, message).help(help));
    }
    proofs
}

fn proof(table: &Table<'_>, home: &Path) -> Option<Proof> {
    let (key, uid) = (table.get("key"), table.get("uid"));
    let (spiffe, oidc) = (table.get("spiffe"), table.get("oidc"));
    let enrolled = table.get("enrolled");
    let kinds = ["key", "uid", "spiffe", "oidc", "enrolled"];
    let given = kinds.into_iter().filter(|kind| table.get(kind).is_given()).count();
    if given != 1 {
        let error = table.reader().error(Code::Proof, table.at(), "a proof is of exactly one kind");
        table.reader().push(
            error
                .label(format!("{given} kinds"))
                .help("write several proofs as several tables: any one of them suffices"),
        );
        return None;
    }
    if key.is_given() {
        return key_file(&key, home);
    }
    if spiffe.is_given() {
        let read = |text: &str| match text.parse::<SpiffeId>() {
            Ok(id) => Ok(id),
            Err(why) => Err(format!("`{text}` is no SPIFFE ID: {why}")),
        };
        return spiffe.made(read).map(|it| Proof::Spiffe(it.into_inner()));
    }
    if oidc.is_given() {
        return oidc.table(oidc_subject).flatten();
    }
    if enrolled.is_given() {
        if enrolled.truth()?.into_inner() {
            return Some(Proof::Enrolled);
        }
        enrolled.wrong("`enrolled` is `true`, or left out: then no key is brought in");
        return None;
    }
    let uid = uid.whole()?.into_inner();
    let account = u32::try_from(uid).ok();
    if account.is_none() {
        table.get("uid").wrong(format!("`{uid}` is no account number"));
    }
    account.map(Proof::Uid)
}

/// Reads what an issuer calls the identity.
fn oidc_subject(table: &Table<'_>) -> Option<Proof> {
    let (issuer, subject) = (table.get("issuer").required(), table.get("subject").required());
    let (issuer, subject) = (issuer.made(filled), subject.made(filled));
    let audience = table.get("audience");
    let audience = match audience.made(filled) {
        None if audience.is_given() => return None,
        read => read.map(Spanned::into_inner),
    };
    Some(Proof::Oidc { issuer: issuer?.into_inner(), subject: subject?.into_inner(), audience })
}

/// Reads the public key that a proof names.
fn key_file(field: &Field<'_>, home: &Path) -> Option<Proof> {
    let path = field.made(filled)?.into_inner();
    let text = match read_text(&home.join(&path)) {
        Ok(text) => text,
        Err(why) => {
            let message = format!("key `{path}` cannot be read: {why}");
            let help = "`bailiwick identity add ID --generate-key` writes one";
            field.fault(Code::KeyFile, message, "named here", Some(help));
            return None;
        }
    };
    if let Err(why) = public_key(&text) {
        let message = format!("`{path}` holds no public key: {why}");
        field.fault(Code::NotPublicKey, message, "named here", None);
        return None;
    }
    Some(Proof::Key { path, pem: text.trim().to_owned() })
}

/// Looks at the shape of a PEM file; whether the key inside is good is seen when it is used.
fn public_key(text: &str) -> Result<(), &'static str> {
    if text.contains("PRIVATE KEY") {
        return Err("it is the private half, which only the identity may have");
    }
    let body = text
        .trim()
        .strip_prefix("-----BEGIN PUBLIC KEY-----")
        .and_then(|it| it.strip_suffix("-----END PUBLIC KEY-----"))
        .ok_or("it does not begin and end as a PEM public key does")?;
    let fits = |it: char| it.is_ascii_alphanumeric() || matches!(it, '+' | '/' | '=' | '\n' | '\r');
    if body.trim().is_empty() || !body.chars().all(fits) {
        return Err("between its first and its last line stands no base64");
    }
    Ok(())
}
