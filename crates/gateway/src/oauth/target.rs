//! What a token is for: one resource (RFC 8707), with the one scope it has.

use bailiwick_connect::Audience;
use bailiwick_model::{IdentityId, ServerName};

use super::{
    Oauth,
    form::Form,
    refusal::{Code, TokenRefusal},
};

/// Gives whom the token is for: `resource`, or what is `named` besides, or else the `most` that may be had:
/// what the token above is for, what a person's word is for, or everything behind the gateway.
pub(super) fn audience(
    oauth: &Oauth,
    (form, named, most): (&Form, Option<&str>, Option<&Audience>),
    worker: &IdentityId,
) -> Result<Audience, TokenRefusal> {
    let wide = most.unwrap_or(&Audience::All);
    let issuer = oauth.mint.issuer();
    let resource = match (form.get("resource"), named) {
        (Some(resource), Some(other)) if resource != other => None,
        (Some(resource), _) | (None, Some(resource)) => issuer.audience(resource),
        (None, None) => Some(wide.clone()),
    };
    let audience = resource.filter(|it| match it {
        Audience::All => wide.covers(it),
        Audience::Server(server) | Audience::Route(server) => {
            wide.covers(it) && oauth.is_reached(server, worker)
        }
    });
    audience.ok_or_else(|| {
        let most = issuer.resource(wide);
        let text = match wide {
            Audience::All => {
                format!("`resource` is `{most}`, or one server below it that `{worker}` reaches")
            }
            Audience::Server(_) | Audience::Route(_) => {
                format!("`resource` is `{most}` at most, where `{worker}` reaches it")
            }
        };
        Code::InvalidTarget.says(text)
    })
}

impl Oauth {
    /// Says whether there is such a server, and the worker's charter reaches it. The two are told
    /// apart to nobody.
    fn is_reached(&self, server: &ServerName, worker: &IdentityId) -> bool {
        let snapshot = self.lane.desk().snapshot();
        let reached = snapshot.charters.get(worker).is_some_and(|it| it.servers.contains(server));
        reached && self.lane.upstreams().spec(server).is_some()
    }
}

/// Checks that the scope of the resource is among those that were asked for, if any were. Clients
/// add up what they were challenged for, so others of ours beside it do no harm and give nothing.
pub(super) fn check_scope(form: &Form, audience: &Audience) -> Result<(), TokenRefusal> {
    let Some(scope) = form.get("scope") else { return Ok(()) };
    let given = audience.scope();
    let ours = |it: &str| {
        let server = it.strip_prefix("mcp:").or_else(|| it.strip_prefix("http:"));
        let server = server.map(str::parse::<ServerName>);
        it == "mcp" || server.is_some_and(|it| it.is_ok())
    };
    let mut asked = scope.split(' ');
    if asked.clone().all(ours) && asked.any(|it| it == given) {
        return Ok(());
    }
    Err(Code::InvalidScope.says(format!("the scope of this resource is `{given}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_of_the_resource_must_be_among_those_asked_for() {
        let check = |scope: &str, audience: &Audience| {
            let form = Form::read(format!("scope={scope}").as_bytes()).unwrap();
            check_scope(&form, audience).map_err(|it| it.code)
        };
        let files = Audience::Server("files".parse().unwrap());
        for (scope, audience, good) in [
            ("", &Audience::All, true),
            ("mcp", &Audience::All, true),
            ("mcp:files", &files, true),
            ("mcp+mcp:files", &files, true),
            ("mcp:git+mcp:files", &files, true),
            ("mcp", &files, false),
            ("mcp:files", &Audience::All, false),
            ("mcp:files+offline_access", &files, false),
            ("mcp:files+mcp:Not-A-Name", &files, false),
            ("mcp:files+", &files, false),
            ("MCP", &Audience::All, false),
        ] {
            let wanted = if good { Ok(()) } else { Err(Code::InvalidScope) };
            assert_eq!(check(scope, audience), wanted, "{scope} {audience:?}");
        }
    }
}
