//! A client that others wrote, which finds the token endpoint by itself.

use std::{
    fs,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::House;
use crate::real::parts::{Parts, root};

#[test]
fn the_python_sdk_discovers_proves_itself_and_calls() {
    let Some(parts) = Parts::find() else { return };
    let house = House::new();
    let url = house.governor.url();
    let ran = Command::new(parts.path("python"))
        .arg(root().join("tests/real/clients/oauth_client.py"))
        .arg(format!("{url}/mcp/tickets"))
        .env("IDENTITY", "writer")
        .env("KEY", fs::read_to_string(house.governor.path("keys/writer.pem")).unwrap())
        .env("ISSUER", url)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    let shown: Value = serde_json::from_str(said.trim()).unwrap_or_else(|_| {
        panic!("{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    });
    let wanted = json!({"tools": ["get_ticket"], "isError": false, "scope": "mcp:tickets"});
    assert_eq!(shown, wanted);
    assert_eq!(house.governor.reached(), 1);
}
