//! `[[trust]]`, `[[issuer]]` and `[[mandate_issuer]]`: who may vouch for identities, who for people, and
//! where their keys lie.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use bailiwick_connect::{
    Algorithm, FetchPlace, FetchPlaceError, KeyPlace, MandateIssuer, ServerTrust, TrustedDomain,
    TrustedIssuer, WorkloadPlace, check_fetch_address, check_key_set,
};
use bailiwick_model::TrustDomain;
use toml::Spanned;

use super::{
    Code,
    origin::Settings,
    read::{Field, Table, filled},
};

/// What an issuer signs with, where nothing is said.
const USUAL: [Algorithm; 2] = [Algorithm::Rs256, Algorithm::Es256];

/// Where the keys of somebody who vouches lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// In a file.
    File(PathBuf),
    /// At an address, believed by the system's authorities or by those in a file.
    Address {
        /// Which.
        url: String,
        /// The authorities.
        ca: Option<PathBuf>,
    },
    /// With a Workload API on this machine.
    Workload(WorkloadPlace),
}

/// Whoever may vouch for identities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Vouchers {
    /// Trust domains, for `proof = [{ spiffe = … }]`.
    pub(crate) domains: Vec<Domain>,
    /// Issuers, for `proof = [{ oidc = … }]`.
    pub(crate) issuers: Vec<Issuer>,
    /// Issuers whose word for people counts.
    pub(crate) mandates: Vec<Mandate>,
}

/// A trust domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Domain {
    pub(crate) name: TrustDomain,
    pub(crate) keys: Keys,
    once: bool,
}

/// An issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Issuer {
    pub(crate) name: String,
    keys: Keys,
    algorithms: Vec<Algorithm>,
    once: bool,
}

/// An issuer whose word for people counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mandate {
    name: String,
    keys: Keys,
    algorithms: Vec<Algorithm>,
    tenant: Option<String>,
}

impl Vouchers {
    /// Makes of it what verifies.
    pub(crate) fn trusted(
        &self,
    ) -> Result<(Vec<TrustedDomain>, Vec<TrustedIssuer>), FetchPlaceError> {
        let domain = |it: &Domain| {
            let (domain, keys) = (it.name.clone(), it.keys.place()?);
            Ok(TrustedDomain { domain, keys, once: it.once })
        };
        let issuer = |it: &Issuer| {
            let (issuer, algorithms) = (it.name.clone(), it.algorithms.clone());
            Ok(TrustedIssuer { issuer, keys: it.keys.place()?, algorithms, once: it.once })
        };
        let domains = self.domains.iter().map(domain).collect::<Result<_, FetchPlaceError>>()?;
        Ok((domains, self.issuers.iter().map(issuer).collect::<Result<_, FetchPlaceError>>()?))
    }

    /// Says whether this provider's word for people counts.
    pub(super) fn knows_people_of(&self, issuer: &str) -> bool {
        self.mandates.iter().any(|it| it.name == issuer)
    }

    /// Makes of it what verifies the word for people.
    pub(crate) fn mandates(&self) -> Result<Vec<MandateIssuer>, FetchPlaceError> {
        let issuer = |it: &Mandate| {
            let (issuer, algorithms) = (it.name.clone(), it.algorithms.clone());
            let tenant = it.tenant.clone();
            Ok(MandateIssuer { issuer, keys: it.keys.place()?, algorithms, tenant })
        };
        self.mandates.iter().map(issuer).collect()
    }
}

impl Keys {
    pub(super) fn place(&self) -> Result<KeyPlace, FetchPlaceError> {
        Ok(match self {
            Self::File(path) => KeyPlace::File(path.clone()),
            Self::Address { url, ca } => KeyPlace::Address(FetchPlace::new(url, || match ca {
                Some(path) => ServerTrust::of_file(path),
                None => ServerTrust::system(),
            })?),
            Self::Workload(place) => KeyPlace::Workload(place.clone()),
        })
    }
}

/// Reads all of them.
pub(super) fn read(root: &Table<'_>, home: &Path, settings: &mut Settings<'_>) -> Vouchers {
    let mut names = BTreeSet::new();
    let mut vouchers = Vouchers::default();
    for field in root.get("trust").items() {
        let read = field.table(|table| {
            let name = table.get("domain").required();
            let keys = bundle(table, home);
            let once = once(&table.get("once"), false);
            let domain = name.parsed::<TrustDomain>()?;
            first(&name, &mut names, "trust domain", domain.get_ref().as_str());
            settings.add(format!("trust.{}", domain.get_ref()), &shown(keys.as_ref()), name.at());
            Some(Domain { name: domain.into_inner(), keys: keys?, once: once? })
        });
        vouchers.domains.extend(read.flatten());
    }
    for field in root.get("issuer").items() {
        let read = field.table(|table| {
            let name = table.get("url").required();
            let keys = keys(table, home, ("jwks", "jwks_url"), false);
            let algorithms = algorithms(&table.get("algorithms"));
            let once = once(&table.get("once"), true);
            let issuer = name.made(address)?;
            first(&name, &mut names, "issuer", issuer.get_ref());
            settings.add(format!("issuer.{}", issuer.get_ref()), &shown(keys.as_ref()), name.at());
            let name = issuer.into_inner();
            Some(Issuer { name, keys: keys?, algorithms: algorithms?, once: once? })
        });
        vouchers.issuers.extend(read.flatten());
    }
    for field in root.get("mandate_issuer").items() {
        let read = field.table(|table| {
            let name = table.get("url").required();
            let keys = keys(table, home, ("jwks", "jwks_url"), false);
            let algorithms = algorithms(&table.get("algorithms"));
            let tenant = table.get("tenant").made(filled).map(Spanned::into_inner);
            let issuer = name.made(address)?;
            first(&name, &mut names, "mandate issuer", issuer.get_ref());
            let key = format!("mandate_issuer.{}", issuer.get_ref());
            settings.add(key, &shown(keys.as_ref()), name.at());
            let name = issuer.into_inner();
            Some(Mandate { name, keys: keys?, algorithms: algorithms?, tenant })
        });
        vouchers.mandates.extend(read.flatten());
    }
    vouchers
}

pub(super) fn shown(keys: Option<&Keys>) -> String {
    match keys {
        Some(Keys::File(path)) => path.display().to_string(),
        Some(Keys::Address { url, .. }) => url.clone(),
        Some(Keys::Workload(place)) => place.to_string(),
        None => String::new(),
    }
}

fn first(field: &Field<'_>, names: &mut BTreeSet<String>, what: &str, name: &str) {
    if !names.insert(format!("{what} {name}")) {
        let message = format!("{what} `{name}` is given twice");
        field.fault(Code::Twice, message, "once more here", None);
    }
}

/// Takes an issuer as tokens name it: compared to the letter.
fn address(text: &str) -> Result<String, String> {
    check_fetch_address(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

fn once(field: &Field<'_>, default: bool) -> Option<bool> {
    if field.is_given() { field.truth().map(Spanned::into_inner) } else { Some(default) }
}

fn algorithms(field: &Field<'_>) -> Option<Vec<Algorithm>> {
    if !field.is_given() {
        return Some(USUAL.to_vec());
    }
    let items = field.items();
    let read: Vec<_> =
        items.iter().filter_map(|it| it.word(Algorithm::ALL, Algorithm::as_str)).collect();
    if field.is_empty_list() {
        field.wrong(format!("`{}` names nothing that it signs with", field.name()));
        return None;
    }
    (read.len() == items.len()).then_some(read)
}

/// Reads where a trust domain's bundle lies: where keys do, or with a Workload API.
fn bundle(table: &Table<'_>, home: &Path) -> Option<Keys> {
    let told = table.get("workload_api");
    if !told.is_given() {
        return keys(table, home, ("bundle", "url"), true);
    }
    for other in ["bundle", "url", "ca"] {
        let other = table.get(other);
        if other.is_given() {
            other.wrong(format!(
                "`{}` tells the bundle: `{}` has no use",
                told.name(),
                other.name()
            ));
        }
    }
    let place = |text: &str| match text.parse::<WorkloadPlace>() {
        Ok(place) => Ok(place),
        Err(why) => Err(format!("`{text}` is no place of a Workload API: {why}")),
    };
    told.made(place).map(|it| Keys::Workload(it.into_inner()))
}

/// Reads where keys lie: in a file that has some now, or at an address.
pub(super) fn keys(
    table: &Table<'_>,
    home: &Path,
    (file, url): (&'static str, &'static str),
    svid: bool,
) -> Option<Keys> {
    let (file, url, ca) = (table.get(file), table.get(url), table.get("ca"));
    match (file.is_given(), url.is_given()) {
        (true, false) => {
            if ca.is_given() {
                ca.wrong(format!("`{}` is for keys that lie at an address", ca.name()));
            }
            let path = home.join(file.made(filled)?.into_inner());
            let read = fs::read(&path).map_err(|error| error.to_string());
            if let Err(why) = read.and_then(|it| check_key_set(&it, svid)) {
                let message = format!("`{}` proves nobody: {why}", path.display());
                file.fault(Code::KeySet, message, "named here", None);
            }
            Some(Keys::File(path))
        }
        (false, true) => {
            let address = url.made(address)?.into_inner();
            let ca_path = ca.made(filled).map(|it| home.join(it.into_inner()));
            let plain = address.starts_with("http://");
            let trust = match &ca_path {
                Some(_) if plain => {
                    ca.wrong(format!("`{}` is for `https://`", ca.name()));
                    return None;
                }
                Some(path) => ServerTrust::of_file(path).map(drop),
                None if plain => Ok(()),
                None => ServerTrust::system().map(drop),
            };
            if let Err(error) = trust {
                let at = if ca.is_given() { &ca } else { &url };
                at.fault(Code::Certificate, error.to_string(), "nobody would be believed", None);
            }
            Some(Keys::Address { url: address, ca: ca_path })
        }
        (both, _) => {
            let (file, url) = (file.name().to_owned(), url.name().to_owned());
            let message = if both {
                format!("keys lie in `{file}` or at `{url}`, not both")
            } else {
                format!("nothing says where the keys lie: `{file}` or `{url}`")
            };
            let error = table.reader().error(Code::KeySet, table.at(), message);
            table.reader().push(error.label("whose keys?"));
            None
        }
    }
}
