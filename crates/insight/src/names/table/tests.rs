//! Names of events by the tables of their systems.

use std::sync::LazyLock;

use bailiwick_model::{Along, Platform};
use proptest::prelude::*;

use super::{
    super::{Catalogue, Native, anthropic, github, names, okta, openai},
    Table,
};

/// It has nothing of these systems, and is read once.
static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::carried);

const TABLES: [(Platform, &Table); 4] = [
    (Platform::Github, &github::TABLE),
    (Platform::Okta, &okta::TABLE),
    (Platform::Anthropic, &anthropic::TABLE),
    (Platform::Openai, &openai::TABLE),
];

fn said(platform: Platform, event: &str, internal: bool) -> String {
    let (service, operation) = match event.split_once(':') {
        Some((service @ ("api" | "compliance" | "organization" | "public" | "repository"), it)) => {
            (service, it)
        }
        _ => ("", event),
    };
    let native = Native { platform, service, operation, along: Along::NOTHING, internal };
    let told = names(native, &CATALOGUE);
    let [name] = told.as_slice() else { panic!("{told:?}") };
    format!("{} {}", name.text, name.certainty.as_str())
}

#[test]
fn the_tables_are_in_order_and_tell_of_each_event_once() {
    for (platform, table) in TABLES {
        assert!(table.is_in_order(), "{platform}");
        for (event, permission) in table.permissions {
            assert_eq!(said(platform, event, false), format!("{platform}:{permission} renamed"));
        }
    }
}

#[test]
fn an_event_is_a_permission_only_where_a_rule_says_which() {
    for (platform, event, name) in [
        (Platform::Github, "git.push", "github:contents:write renamed"),
        (Platform::Github, "public:git.clone", "github:public:git.clone permissionless"),
        (
            Platform::Github,
            "public:pull_request.create",
            "github:public:pull_request.create unknown",
        ),
        (Platform::Github, "organization:hook.create", "github:organization_hooks:write renamed"),
        (Platform::Github, "repository:hook.create", "github:repository_hooks:write renamed"),
        (Platform::Github, "hook.create", "github:hook.create unknown"),
        (Platform::Github, "org.remove_member", "github:org.remove_member unknown"),
        (Platform::Github, "api:GET /user", "github:api:GET /user unknown"),
        (Platform::Github, "user.login", "github:user.login internal"),
        (Platform::Okta, "policy.rule.add", "okta:okta.policies.manage renamed"),
        (Platform::Okta, "app.oauth2.as.token.grant", "okta:app.oauth2.as.token.grant internal"),
        (Platform::Okta, "user.session.start", "okta:user.session.start internal"),
        (
            Platform::Okta,
            "user.session.impersonation.grant",
            "okta:user.session.impersonation.grant unknown",
        ),
        (Platform::Okta, "user.mfa.factor.deactivate", "okta:user.mfa.factor.deactivate unknown"),
        (
            Platform::Anthropic,
            "compliance:GET /v1/compliance/activities",
            "anthropic:read:compliance_activities renamed",
        ),
        (Platform::Anthropic, "sso_login_failed", "anthropic:sso_login_failed internal"),
        (Platform::Anthropic, "service_key_created", "anthropic:service_key_created unknown"),
        (Platform::Openai, "login.failed", "openai:login.failed internal"),
        (Platform::Openai, "api_key.created", "openai:api_key.created unknown"),
    ] {
        assert_eq!(said(platform, event, false), name);
    }
}

proptest! {
    #[test]
    fn what_no_rule_knows_is_never_a_permission(event in "[a-z]{1,9}(\\.[a-z_]{1,9}){0,3}", internal: bool) {
        for (platform, table) in TABLES {
            let is_known = table.permissions.iter().any(|it| it.0 == event);
            let said = said(platform, &event, internal);
            prop_assert!(said.ends_with(" renamed") == (is_known && !internal), "{said}");
        }
    }

    #[test]
    fn what_a_system_tells_of_itself_is_no_permission(number in any::<prop::sample::Index>()) {
        for (platform, table) in TABLES {
            if table.permissions.is_empty() {
                continue;
            }
            let (event, _) = number.get(table.permissions);
            prop_assert!(said(platform, event, true).ends_with(" internal"));
        }
    }
}
