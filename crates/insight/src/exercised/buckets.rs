//! In which namespace, project or bucket something was done, where the log says so.
//!
//! Three systems name it beyond doubt: Kubernetes the namespace, Google the project and the bucket, S3 the bucket. What is said
//! less plainly may have been in any.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::Platform;

use super::{Days, Deeds, Exercised, told::nth};
use crate::names::Sort;

/// Gives the one bucket that a grant for this resource is of; none where it is for more, or nobody can tell.
pub(crate) fn granted_in(platform: Platform, resource: &str) -> Option<String> {
    match platform {
        Platform::Kubernetes => namespace(resource).map(str::to_owned),
        Platform::Google => {
            let projects = "//cloudresourcemanager.googleapis.com/projects/";
            match resource.strip_prefix(projects) {
                Some(name) if is_project(name) => Some(format!("projects/{name}")),
                Some(_) => None,
                None => bucket_of_google(resource).map(|it| format!("buckets/{it}")),
            }
        }
        Platform::Aws => bucket_of_s3(resource).map(|it| format!("arn:aws:s3:::{it}")),
        Platform::Github
        | Platform::Okta
        | Platform::Workspace
        | Platform::Azure
        | Platform::Postgres
        | Platform::Vault
        | Platform::Mcp
        | Platform::Anthropic
        | Platform::Openai => None,
    }
}

/// In which buckets something may have been done or denied: all that was done is walked through once, however many buckets
/// are asked about.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    buckets: BTreeSet<String>,
    /// Whether some of it may have been in any project of Google, and in any bucket or namespace.
    any_project: bool,
    any_other: bool,
}

impl Reached {
    /// Adds what was done under one name.
    pub(crate) fn add(&mut self, platform: Platform, deeds: &Deeds) {
        if deeds.is_vague {
            (self.any_project, self.any_other) = (true, true);
        }
        for resource in deeds.done.keys().chain(&deeds.denied_to) {
            self.add_resource(platform, resource);
        }
        if platform == Platform::Google && !(deeds.done.is_empty() && deeds.denied_to.is_empty()) {
            self.add_accounts(&deeds.accounts);
        }
    }

    fn add_resource(&mut self, platform: Platform, resource: &str) {
        let found = places(platform, resource, "");
        self.any_other |= found.is_empty();
        self.buckets.extend(found);
    }

    fn add_accounts(&mut self, accounts: &BTreeSet<String>) {
        // A project has a number besides its name.
        self.any_project |= accounts.is_empty() || accounts.iter().any(|it| !is_project(it));
        self.buckets.extend(accounts.iter().map(|it| format!("projects/{it}")));
    }

    /// Says whether some of it may have been in a bucket.
    pub(crate) fn may_have(&self, platform: Platform, bucket: &str) -> bool {
        let is_project = platform == Platform::Google && bucket.starts_with("projects/");
        let may_be_any = if is_project { self.any_project } else { self.any_other };
        may_be_any || self.buckets.contains(bucket)
    }
}

/// Gives the buckets that something was done in, as far as is known.
fn places(platform: Platform, resource: &str, account: &str) -> Vec<String> {
    match platform {
        Platform::Kubernetes => namespace(resource).map(str::to_owned).into_iter().collect(),
        Platform::Google => {
            let project = Some(account).filter(|it| is_project(it));
            let project = project.map(|it| format!("projects/{it}"));
            let bucket = bucket_of_google(resource).map(|it| format!("buckets/{it}"));
            project.into_iter().chain(bucket).collect()
        }
        Platform::Aws => {
            bucket_of_s3(resource).map(|it| format!("arn:aws:s3:::{it}")).into_iter().collect()
        }
        Platform::Github
        | Platform::Okta
        | Platform::Workspace
        | Platform::Azure
        | Platform::Postgres
        | Platform::Vault
        | Platform::Mcp
        | Platform::Anthropic
        | Platform::Openai => Vec::new(),
    }
}

/// Gives the namespace of `NAMESPACE/NAME`.
fn namespace(resource: &str) -> Option<&str> {
    let (namespace, _) = resource.split_once('/')?;
    (!namespace.is_empty() && !namespace.contains('*')).then_some(namespace)
}

fn is_project(name: &str) -> bool {
    !name.is_empty() && !name.contains('/') && !name.bytes().all(|it| it.is_ascii_digit())
}

/// Gives the bucket of `projects/_/buckets/NAME/…`.
fn bucket_of_google(resource: &str) -> Option<&str> {
    let name = resource.split_once("projects/_/buckets/")?.1.split('/').next()?;
    (!name.is_empty()).then_some(name)
}

/// Gives the bucket of `arn:aws:s3:::NAME/…`. What goes by an access point may be in any.
fn bucket_of_s3(resource: &str) -> Option<&str> {
    let name = resource.strip_prefix("arn:aws:s3:::")?.split('/').next()?;
    let is_plain = !name.is_empty() && !name.contains(['*', '?', ':', '$']);
    (is_plain && !name.ends_with("-s3alias")).then_some(name)
}

/// On which days a log had something of a sort in which bucket, whoever it was.
#[derive(Debug, Default)]
pub(crate) struct BucketDays(BTreeMap<Place, Days>);

/// A system, an account, a sort and a bucket.
type Place = (Platform, String, Sort<'static>, String);

impl BucketDays {
    /// Looks through all that was done or denied.
    pub(crate) fn of(exercised: &Exercised) -> Self {
        let mut all: BTreeMap<Place, Days> = BTreeMap::new();
        #[expect(clippy::iter_over_hash_type, reason = "what comes of it is sorted")]
        for (key, tally) in &exercised.tallies {
            let Some(deed) = nth(&exercised.deeds, key.what) else { continue };
            let Some(sort) = deed.sort else { continue };
            let (account, resource) =
                (exercised.words.text(key.place), exercised.words.text(key.to));
            for bucket in places(deed.platform, resource, account) {
                let data_of = exercised.words.text(sort.data_of).to_owned().into();
                let sort = Sort { data_of, reads: sort.reads };
                let place = (deed.platform, account.to_owned(), sort, bucket);
                all.entry(place).or_default().join(&tally.days);
            }
        }
        Self(all)
    }

    /// Gives the days of one.
    pub(crate) fn get(
        &self,
        platform: Platform,
        account: &str,
        sort: &Sort<'_>,
        bucket: &str,
    ) -> Days {
        let sort = Sort { data_of: sort.data_of.clone().into_owned().into(), reads: sort.reads };
        let place = (platform, account.to_owned(), sort, bucket.to_owned());
        self.0.get(&place).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Certainty;

    #[test]
    fn a_grant_is_of_one_bucket_where_its_resource_names_one() {
        for (platform, resource, bucket) in [
            (Platform::Kubernetes, "shop/*", Some("shop")),
            (Platform::Kubernetes, "shop/front", Some("shop")),
            (Platform::Kubernetes, "*", None),
            (Platform::Kubernetes, "node-1", None),
            (Platform::Aws, "arn:aws:s3:::logs/*", Some("arn:aws:s3:::logs")),
            (Platform::Aws, "arn:aws:s3:::logs/2026/*", Some("arn:aws:s3:::logs")),
            (Platform::Aws, "arn:aws:s3:::logs*", None),
            (Platform::Aws, "arn:aws:s3:::${aws:username}/*", None),
            (Platform::Aws, "arn:aws:s3:eu-west-1:1:accesspoint/a", None),
            (Platform::Aws, "arn:aws:sqs:eu-west-1:1:queue", None),
            (
                Platform::Google,
                "//cloudresourcemanager.googleapis.com/projects/shop",
                Some("projects/shop"),
            ),
            (Platform::Google, "//cloudresourcemanager.googleapis.com/projects/123", None),
            (Platform::Google, "//cloudresourcemanager.googleapis.com/folders/1", None),
            (Platform::Google, "//storage.googleapis.com/projects/_/buckets/x", Some("buckets/x")),
            (Platform::Postgres, "*", None),
        ] {
            assert_eq!(granted_in(platform, resource).as_deref(), bucket, "{resource}");
        }
    }

    /// Says whether what was done to a resource, in some of these accounts, may have been in a bucket.
    fn may_be_in(
        platform: Platform,
        bucket: &str,
        resource: &str,
        accounts: &BTreeSet<String>,
    ) -> bool {
        let deeds = Deeds {
            certainty: Certainty::Exact,
            done: BTreeMap::new(),
            denied: None,
            denied_to: [resource.to_owned()].into(),
            accounts: accounts.clone(),
            is_vague: false,
        };
        let mut reached = Reached::default();
        reached.add(platform, &deeds);
        let mut vague = Reached::default();
        vague.add(platform, &Deeds { is_vague: true, denied_to: BTreeSet::new(), ..deeds });
        assert!(vague.may_have(platform, bucket), "what is vague may have been anywhere");
        reached.may_have(platform, bucket)
    }

    #[test]
    fn what_was_not_done_was_nowhere() {
        for (platform, bucket) in
            [(Platform::Google, "projects/shop"), (Platform::Kubernetes, "shop")]
        {
            let (mut reached, accounts) = (Reached::default(), ["123".to_owned()].into());
            let deeds = Deeds {
                certainty: Certainty::Exact,
                done: BTreeMap::new(),
                denied: None,
                denied_to: BTreeSet::new(),
                accounts,
                is_vague: false,
            };
            reached.add(platform, &deeds);
            assert!(!reached.may_have(platform, bucket), "{bucket}");
        }
    }

    #[test]
    fn what_does_not_say_where_it_was_may_have_been_anywhere() {
        let none = BTreeSet::new();
        for (bucket, resource, may) in [
            ("shop", "shop/front", true),
            ("shop", "other/front", false),
            ("shop", "", true),
            ("shop", "front", true),
        ] {
            assert_eq!(may_be_in(Platform::Kubernetes, bucket, resource, &none), may, "{resource}");
        }
        for (resource, may) in [
            ("arn:aws:s3:::logs", true),
            ("arn:aws:s3:::logs/*", true),
            ("arn:aws:s3:::logs2/*", false),
            ("arn:aws:s3:::arn:aws:s3:eu-west-1:1:accesspoint/a", true),
            ("arn:aws:s3:::point-abc-s3alias/*", true),
            ("", true),
        ] {
            assert_eq!(
                may_be_in(Platform::Aws, "arn:aws:s3:::logs", resource, &none),
                may,
                "{resource}"
            );
        }
        for (account, may) in [("shop", true), ("other", false), ("123", true)] {
            let accounts = [account.to_owned()].into();
            assert_eq!(may_be_in(Platform::Google, "projects/shop", "x", &accounts), may);
            assert!(may_be_in(Platform::Google, "buckets/x", "projects/_", &accounts));
            let other = "projects/_/buckets/y/objects/*";
            assert!(!may_be_in(Platform::Google, "buckets/x", other, &accounts));
        }
        assert!(may_be_in(Platform::Google, "projects/shop", "x", &none));
    }
}
