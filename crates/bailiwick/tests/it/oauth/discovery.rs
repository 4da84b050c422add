//! What clients discover, and what strangers do not.

use serde_json::json;

use super::{House, token};

#[test]
fn a_client_finds_its_way_from_a_challenge_to_the_token_endpoint() {
    let house = House::new();
    let url = house.governor.url();
    for (path, scope) in [("/mcp", "mcp"), ("/mcp/notes", "mcp:notes")] {
        let answer = house.governor.post(path, "", &[], "{}");
        assert_eq!(answer.status, 401);
        let challenge = answer.header("www-authenticate").unwrap();
        let named = challenge.split("resource_metadata=\"").nth(1).unwrap();
        let named = named.split('"').next().unwrap().strip_prefix(url).unwrap();
        let resource = house.get(named).json();
        assert_eq!(resource["resource"], json!(format!("{url}{path}")));
        assert_eq!(resource["authorization_servers"], json!([url]));
        assert_eq!(resource["scopes_supported"], json!([scope]));
        assert_eq!(resource["bearer_methods_supported"], json!(["header"]));
    }
    let server = house.get("/.well-known/oauth-authorization-server").json();
    assert_eq!(server["issuer"], json!(url));
    assert_eq!(server["token_endpoint"], json!(format!("{url}/oauth2/token")));
    assert_eq!(
        server["token_endpoint_auth_methods_supported"],
        json!(["private_key_jwt", "spiffe_jwt"])
    );
    assert_eq!(
        server["grant_types_supported"],
        json!([
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:token-exchange",
            "urn:ietf:params:oauth:grant-type:jwt-bearer"
        ])
    );
    assert_eq!(server["dpop_signing_alg_values_supported"][0], "ES256");
    assert_eq!(server["introspection_endpoint"], json!(format!("{url}/oauth2/introspect")));
    assert_eq!(server["revocation_endpoint"], json!(format!("{url}/oauth2/revoke")));
    assert_eq!(server["authorization_details_types_supported"], json!(["bailiwick/task/v1"]));
    assert_eq!(server["response_types_supported"], json!([]));
}

#[test]
fn the_published_keys_are_those_that_sign_and_nothing_more() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let house = House::new();
    let token = token(&house.ask("writer", &[]));
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    let keys = house.get("/oauth2/jwks").json();
    let [key] = keys["keys"].as_array().unwrap().as_slice() else { panic!("{keys}") };
    assert_eq!(key["kid"], header["kid"]);
    let names: Vec<_> = key.as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
}

#[test]
fn a_stranger_does_not_learn_which_servers_there_are() {
    let house = House::new();
    for (there, not_there) in [("notes", "nones"), ("tickets", "nothing")] {
        for token in ["", "garbage"] {
            let asked = |server: &str| {
                let answer = house.governor.post(&format!("/mcp/{server}"), token, &[], "{}");
                let challenge = answer.header("www-authenticate").unwrap_or_default();
                (answer.status, challenge.replace(server, "X"), answer.body.replace(server, "X"))
            };
            assert_eq!(asked(there).0, 401);
            assert_eq!(asked(there), asked(not_there));
        }
        let metadata = |server: &str| {
            let answer = house.get(&format!("/.well-known/oauth-protected-resource/mcp/{server}"));
            (answer.status, answer.body.replace(server, "X"))
        };
        assert_eq!(metadata(there), metadata(not_there));
    }
    assert_eq!(house.get("/.well-known/oauth-protected-resource/mcp/%2e%2e").status, 404);
}
