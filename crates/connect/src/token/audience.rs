//! Whom a token is for: everything behind the gateway, or one server.

use std::fmt;

use bailiwick_model::ServerName;

/// What a token names, or what a call asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// `/mcp`: every server behind the gateway.
    All,
    /// `/mcp/{server}`: this one.
    Server(ServerName),
    /// `/http/{route}`: this API.
    Route(ServerName),
}

impl Audience {
    /// Says whether a token for this may be used for `asked`: one for all servers is good for each
    /// of them, one for a server is good for that server and nothing else.
    pub fn covers(&self, asked: &Self) -> bool {
        match (self, asked) {
            (Self::All, Self::All | Self::Server(_) | Self::Route(_)) => true,
            (Self::Server(ours), Self::Server(theirs))
            | (Self::Route(ours), Self::Route(theirs)) => ours == theirs,
            (Self::Server(_) | Self::Route(_), _) => false,
        }
    }

    /// Gives the scope of a token for this: one coarse word, for clients that only know scopes.
    pub fn scope(&self) -> String {
        match self {
            Self::All => "mcp".to_owned(),
            Self::Server(server) => format!("mcp:{server}"),
            Self::Route(route) => format!("http:{route}"),
        }
    }

    /// Gives its path below the public URL.
    pub fn path(&self) -> String {
        match self {
            Self::All => "/mcp".to_owned(),
            Self::Server(server) => format!("/mcp/{server}"),
            Self::Route(route) => format!("/http/{route}"),
        }
    }
}

/// Who mints and verifies: the gateway under its public URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer(String);

impl Issuer {
    /// Takes the public URL; a slash at its end makes no difference.
    pub fn new(public_url: &str) -> Self {
        Self(public_url.trim_end_matches('/').to_owned())
    }

    /// Gives the issuer's identifier, as `iss` and as the audience of client assertions.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Gives the resource URI of `audience`.
    pub fn resource(&self, audience: &Audience) -> String {
        format!("{}{}", self.0, audience.path())
    }

    /// Gives where the metadata of `audience` as a protected resource is found (RFC 9728).
    pub fn metadata(&self, audience: &Audience) -> String {
        format!("{}/.well-known/oauth-protected-resource{}", self.0, audience.path())
    }

    /// Reads a resource URI of ours, byte for byte.
    pub fn audience(&self, resource: &str) -> Option<Audience> {
        let path = resource.strip_prefix(&self.0)?;
        if let Some(route) = path.strip_prefix("/http/") {
            return route.parse().ok().map(Audience::Route);
        }
        match path.strip_prefix("/mcp")? {
            "" => Some(Audience::All),
            rest => rest.strip_prefix('/')?.parse().ok().map(Audience::Server),
        }
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(name: &str) -> Audience {
        Audience::Server(name.parse().unwrap())
    }

    #[test]
    fn a_resource_is_read_as_it_is_written() {
        for url in ["http://127.0.0.1:8470", "https://gw.example.org/bailiwick/"] {
            let issuer = Issuer::new(url);
            let route = Audience::Route("crm".parse().unwrap());
            for audience in [Audience::All, server("files"), server("a.b-c_d"), route] {
                assert_eq!(issuer.audience(&issuer.resource(&audience)), Some(audience));
            }
        }
    }

    #[test]
    fn what_only_looks_like_ours_is_not() {
        let issuer = Issuer::new("https://gw.example");
        for resource in [
            "",
            "https://gw.example",
            "https://gw.example/",
            "https://gw.example/mcp/",
            "https://gw.example/mcpx",
            "https://gw.example/mcp/files/",
            "https://gw.example/mcp/files/more",
            "https://gw.example/mcp/../admin",
            "https://gw.example/mcp/..",
            "https://gw.example/mcp/fi%6Ces",
            "https://gw.example/mcp/files?x",
            "https://gw.example/mcp/files#x",
            "https://gw.example/MCP",
            "https://gw.example.evil/mcp",
            "http://gw.example/mcp",
        ] {
            assert_eq!(issuer.audience(resource), None, "{resource}");
        }
    }

    #[test]
    fn a_token_for_one_server_is_for_that_server_only() {
        let (all, files, git) = (Audience::All, server("files"), server("git"));
        assert!(all.covers(&all) && all.covers(&files) && files.covers(&files));
        assert!(!files.covers(&git) && !files.covers(&all));
    }
}
