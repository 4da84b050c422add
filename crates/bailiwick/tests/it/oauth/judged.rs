//! The token endpoint before strict judges that others wrote: oauth4webapi and jose.

use std::{
    fs,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::House;
use crate::real::parts::{Parts, root};

#[test]
fn strict_clients_of_others_find_nothing_wrong_with_metadata_and_tokens() {
    let Some(parts) = Parts::find() else { return };
    let house = House::new();
    let url = house.governor.url();
    let ran = Command::new(parts.path("node"))
        .arg(root().join("tests/real/clients/judge.mjs"))
        .env("JUDGES", parts.path("judges"))
        .env("IDENTITY", "writer")
        .env("KEY", fs::read_to_string(house.governor.path("keys/writer.pem")).unwrap())
        .env("ISSUER", url)
        .env("RESOURCE", format!("{url}/mcp/tickets"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    let shown: Value = serde_json::from_str(said.trim()).unwrap_or_else(|_| {
        panic!("{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    });
    let wanted = json!({
        "discovered": true,
        "bearer": "bearer",
        "sub": "writer",
        "same": true,
        "forged": "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
        "called": false,
        "bound": "dpop",
        "boundCalled": false,
        "thumbprint": true,
        "stolen": "dpop",
        "before": true,
        "after": false,
    });
    assert_eq!(shown, wanted);
    assert_eq!(house.governor.reached(), 2);
}
