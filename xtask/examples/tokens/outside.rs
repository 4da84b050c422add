//! What an exchange costs a real governor over HTTP: proof, decision, record on the disk, new token.

use std::{
    fs,
    net::TcpStream,
    path::Path,
    time::{Instant, SystemTime},
};

use anyhow::Context as _;
use bailiwick_connect::IdentityKey;
use bailiwick_model::{IdentityId, Timestamp};
use serde_json::Value;

use crate::{
    figures::micros,
    house::{Governor, House},
    processes,
    rows::Rows,
    wire::Wire,
};

/// How many exchanges each round has: fewer than one identity may prove in a minute.
const EXCHANGES: u32 = 500;
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ASSERTED: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
const TASK: &str =
    r#"[{"type":"bailiwick/task/v1","template":"keep-notes","params":{"note":"/team/today"}}]"#;

/// An agent with a key of its own, at the token endpoint.
struct Agent {
    wire: Wire,
    host: String,
    issuer: String,
    identity: IdentityId,
    key: IdentityKey,
}

/// Measures one round: a token is traded for one of the same task that is good for one server, again and
/// again, over one connection.
pub(crate) fn round(program: &Path, folder: &Path, rows: &mut Rows) -> anyhow::Result<()> {
    // Nobody calls its tools.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let house = House::first(program, folder, nobody)?;
    let key = IdentityKey::generate()?;
    fs::create_dir_all(folder.join("keys"))?;
    fs::write(folder.join("keys/agent.pub.pem"), key.public_pem())?;
    house.edit("charters/note-keeper.toml", |text| {
        let (before, rest) = text.split_once("\nproof = ").context("there is no proof")?;
        let (_, after) = rest.split_once('\n').context("there is nothing after it")?;
        Ok(format!("{before}\nproof = [{{ key = \"keys/agent.pub.pem\" }}]\n{after}"))
    })?;
    let governor = house.serve()?;
    let mut agent = Agent {
        wire: Wire::new(TcpStream::connect(house.address)?)?,
        host: house.address.to_string(),
        issuer: format!("http://{}", house.address),
        identity: "note-keeper".parse()?,
        key,
    };
    measure(&mut agent, &governor, rows)?;
    governor.stop()
}

fn measure(agent: &mut Agent, governor: &Governor, rows: &mut Rows) -> anyhow::Result<()> {
    let opening = [("grant_type", "client_credentials"), ("authorization_details", TASK)];
    let token = agent.token(&opening)?;
    let resource = format!("{}/mcp/notes", agent.issuer);
    let exchange = [
        ("grant_type", EXCHANGE),
        ("subject_token", &token),
        ("subject_token_type", ACCESS),
        ("resource", &resource),
    ];
    let before = processes::cpu(governor.id())?;
    let mut waited = Vec::new();
    for _ in 0..EXCHANGES {
        // The proof is made before the clock runs.
        let request = agent.request(&exchange)?;
        let asked = Instant::now();
        agent.ask(&request)?;
        waited.push(asked.elapsed());
    }
    let used = processes::cpu(governor.id())?.saturating_sub(before);
    rows.add("exchange_http_cpu_us", micros(used) / f64::from(EXCHANGES));
    rows.add_shares("exchange_http_us", &waited)
}

impl Agent {
    fn token(&mut self, form: &[(&str, &str)]) -> anyhow::Result<String> {
        let request = self.request(form)?;
        self.ask(&request)
    }

    /// Writes a request with a proof of its own.
    fn request(&self, form: &[(&str, &str)]) -> anyhow::Result<Vec<u8>> {
        let assertion = self.key.assertion(&self.identity, &self.issuer, now()?)?;
        let proof = [("client_assertion_type", ASSERTED), ("client_assertion", assertion.expose())];
        let pair = |(name, text): &(&str, &str)| format!("{name}={}", encoded(text));
        let body = form.iter().chain(&proof).map(pair).collect::<Vec<_>>().join("&");
        let (host, len) = (&self.host, body.len());
        let head = format!(
            "POST /oauth2/token HTTP/1.1\r\nHost: {host}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len}\r\n\r\n"
        );
        Ok(format!("{head}{body}").into_bytes())
    }

    /// Sends a request, and gives the token that came for it.
    fn ask(&mut self, request: &[u8]) -> anyhow::Result<String> {
        self.wire.send(request)?;
        let answer = self.wire.receive()?.context("the connection was closed")?;
        let body = String::from_utf8_lossy(&answer.body);
        let said: Value = serde_json::from_str(&body).unwrap_or_default();
        let token = said.get("access_token").and_then(Value::as_str);
        Ok(token.with_context(|| format!("no token came: {} {body}", answer.first))?.to_owned())
    }
}

/// Writes text as forms want it.
fn encoded(text: &str) -> String {
    let plain = |it: u8| it.is_ascii_alphanumeric() || b"-._~".contains(&it);
    let one = |it: u8| if plain(it) { char::from(it).to_string() } else { format!("%{it:02X}") };
    text.bytes().map(one).collect()
}

fn now() -> anyhow::Result<Timestamp> {
    let since = SystemTime::UNIX_EPOCH.elapsed()?;
    Ok(Timestamp::from_millis(i64::try_from(since.as_millis())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_forms_read_otherwise_is_encoded() {
        assert_eq!(encoded("a b&c=d:/~é"), "a%20b%26c%3Dd%3A%2F~%C3%A9");
    }
}
