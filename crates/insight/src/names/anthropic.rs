//! Which scope of Anthropic's Compliance API stands behind a call to it.
//!
//! By Anthropic's own table of calls and scopes. For all other activities nothing says which permission of a role is for
//! them, so that they are unknown.

use super::table::Table;

pub(super) const TABLE: Table = Table {
    permissions: &[
        ("compliance:DELETE /v1/compliance/apps/chats/:id", "delete:compliance_user_data"),
        ("compliance:DELETE /v1/compliance/apps/chats/files/:id", "delete:compliance_user_data"),
        ("compliance:DELETE /v1/compliance/apps/projects/:id", "delete:compliance_user_data"),
        (
            "compliance:DELETE /v1/compliance/apps/projects/documents/:id",
            "delete:compliance_user_data",
        ),
        ("compliance:GET /v1/compliance/activities", "read:compliance_activities"),
        ("compliance:GET /v1/compliance/apps/artifacts/:id/content", "read:compliance_user_data"),
        ("compliance:GET /v1/compliance/apps/chats", "read:compliance_user_data"),
        ("compliance:GET /v1/compliance/apps/chats/:id/messages", "read:compliance_user_data"),
        ("compliance:GET /v1/compliance/apps/chats/files/:id/content", "read:compliance_user_data"),
        ("compliance:GET /v1/compliance/apps/projects", "read:compliance_user_data"),
        ("compliance:GET /v1/compliance/apps/projects/:id", "read:compliance_user_data"),
        (
            "compliance:GET /v1/compliance/apps/projects/:id/attachments",
            "read:compliance_user_data",
        ),
        ("compliance:GET /v1/compliance/apps/projects/documents/:id", "read:compliance_user_data"),
        ("compliance:GET /v1/compliance/groups", "read:compliance_org_data"),
        ("compliance:GET /v1/compliance/groups/:id", "read:compliance_org_data"),
        ("compliance:GET /v1/compliance/groups/:id/members", "read:compliance_user_data"),
        ("compliance:GET /v1/compliance/organizations", "read:compliance_org_data"),
        ("compliance:GET /v1/compliance/organizations/:id/roles", "read:compliance_org_data"),
        ("compliance:GET /v1/compliance/organizations/:id/roles/:id", "read:compliance_org_data"),
        ("compliance:GET /v1/compliance/organizations/:id/users", "read:compliance_user_data"),
    ],
    permissionless: &[],
    internal: &[
        "age_verified",
        "anonymous_mobile_login_attempted",
        "magic_link_login_*",
        "phone_code_sent",
        "phone_code_verified",
        "session_revoked",
        "social_login_succeeded",
        "sso_login_*",
        "sso_second_factor_magic_link",
        "user_logged_out",
    ],
};
