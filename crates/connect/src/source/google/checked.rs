//! The permissions that one call was checked for.

use std::borrow::Cow;

use crate::source::fields::Fields;

/// One permission on one resource.
pub(super) struct Check<'a> {
    pub(super) permission: Cow<'a, str>,
    pub(super) resource: Cow<'a, str>,
    /// Whether data or settings are read or written, where the log says so.
    pub(super) sort: Cow<'a, str>,
    /// What is left out in this writing is `false`: who does not say that it was granted says that it was not.
    pub(super) granted: bool,
}

/// Gives each permission on each resource once. Some services name the same one twice, once without the resource.
pub(super) fn checks<'a>(entry: &Fields<'a>, payload: &Fields<'a>) -> Vec<Check<'a>> {
    let mut listed = payload.objects("authorizationInfo");
    if listed.is_empty() {
        listed = entry.objects("authorizationInfo");
    }
    let mut checks: Vec<Check<'a>> = Vec::new();
    for it in listed {
        let check = Check {
            permission: it.text("permission").0,
            resource: it.text("resource").0,
            sort: it.text("permissionType").0,
            granted: it.text("granted").0 == "true",
        };
        let same = |known: &&mut Check<'a>| {
            known.permission == check.permission
                && (known.resource == check.resource
                    || known.resource.is_empty()
                    || check.resource.is_empty())
        };
        match checks.iter_mut().find(same) {
            Some(known) => {
                known.granted &= check.granted;
                if known.resource.is_empty() {
                    known.resource = check.resource;
                }
            }
            None if check.permission.is_empty() => {}
            None => checks.push(check),
        }
    }
    checks
}
