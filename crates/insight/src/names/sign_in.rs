//! Which of a log's names mean that somebody came in, and did nothing yet.

use bailiwick_model::Platform;

/// Says whether a log's names are those of a sign-in. What no rule names is none.
pub fn is_sign_in(platform: Platform, service: &str, operation: &str) -> bool {
    match platform {
        Platform::Aws => match service {
            "signin.amazonaws.com" => matches!(
                operation,
                "ConsoleLogin"
                    | "SwitchRole"
                    | "UserAuthentication"
                    | "CredentialChallenge"
                    | "CredentialVerification"
            ),
            "sso.amazonaws.com" => matches!(operation, "Authenticate" | "Federate"),
            _ => false,
        },
        Platform::Azure => service == "signin",
        Platform::Okta => {
            operation == "user.session.start" || operation.starts_with("user.authentication.")
        }
        Platform::Workspace => matches!(
            operation,
            "login_success" | "login_failure" | "login_challenge" | "login_verification"
        ),
        Platform::Github => {
            matches!(operation, "user.login" | "user.failed_login" | "org.sso_response")
        }
        Platform::Vault => {
            service.starts_with("auth/")
                && (service.ends_with("/login") || service.contains("/login/"))
        }
        Platform::Anthropic => {
            operation.ends_with("login_succeeded") || operation.ends_with("login_failed")
        }
        Platform::Openai => matches!(operation, "login.succeeded" | "login.failed"),
        Platform::Kubernetes | Platform::Google | Platform::Postgres | Platform::Mcp => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_in_is_told_from_who_does_something() {
        for (platform, service, operation, is) in [
            (Platform::Aws, "signin.amazonaws.com", "ConsoleLogin", true),
            (Platform::Aws, "signin.amazonaws.com", "GetSigninToken", false),
            // It is asked before anybody came in.
            (Platform::Aws, "signin.amazonaws.com", "CheckMfa", false),
            (Platform::Aws, "s3.amazonaws.com", "ConsoleLogin", false),
            (Platform::Azure, "signin", "Sign-in activity", true),
            (Platform::Azure, "", "Microsoft.Storage/storageAccounts/write", false),
            (Platform::Okta, "", "user.session.start", true),
            (Platform::Okta, "", "user.session.end", false),
            (Platform::Vault, "auth/userpass/login/ann", "update", true),
            (Platform::Vault, "secret/login/ann", "read", false),
            (Platform::Github, "", "repo.create", false),
            (Platform::Mcp, "login", "login", false),
        ] {
            assert_eq!(is_sign_in(platform, service, operation), is, "{service} {operation}");
        }
    }
}
