//! Clients that show certificates: workloads that are proved by them, and tokens that are worth nothing
//! without them (RFC 8705).

use std::process::{Command, Stdio};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::{
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    sign::{CertifiedKey, SingleCertAndKey},
};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::*;

type Issuer = CertifiedIssuer<'static, KeyPair>;

const POD: &str = "spiffe://example.org/agents/pod";

fn authority() -> Issuer {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "root");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A client's certificate and its key.
struct Shown {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

fn minutes(from_now: i64) -> OffsetDateTime {
    OffsetDateTime::now_utc().checked_add(Duration::minutes(from_now)).unwrap()
}

fn shown(issuer: &Issuer, change: impl FnOnce(&mut CertificateParams)) -> Shown {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "client");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.subject_alt_names = vec![SanType::URI(POD.try_into().unwrap())];
    (params.not_before, params.not_after) = (minutes(-60), minutes(60));
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap().der().clone();
    Shown { certificate, key }
}

fn named(uris: &[&str]) -> impl FnOnce(&mut CertificateParams) {
    let uris: Vec<_> = uris.iter().map(|it| SanType::URI((*it).try_into().unwrap())).collect();
    move |it| it.subject_alt_names = uris
}

fn bundle(authorities: &[&Issuer]) -> String {
    let key = |it: &&Issuer| json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "use": "x509-svid", "x5c": [STANDARD.encode(it.der())]});
    json!({"keys": authorities.iter().map(key).collect::<Vec<_>>()}).to_string()
}

/// A governor that speaks TLS; `pod` is a workload of `example.org`, and `partner.example` is trusted
/// for its own. The authority `staff` vouches for clients and for no workload.
struct House {
    governor: Governor,
    server: String,
    own: Issuer,
    partner: Issuer,
    staff: Issuer,
}

impl House {
    fn new() -> Self {
        let (server, key) = made();
        let (own, partner, staff) = (authority(), authority(), authority());
        let mut governor = Governor::prepare(NOTES);
        let tls = "[listen.tls]\ncertificate = \"tls/cert.pem\"\nkey = \"tls/key.pem\"\nclient_ca = \"tls/staff.pem\"\n[[trust]]\ndomain = \"example.org\"\nbundle = \"own.json\"\n[[trust]]\ndomain = \"partner.example\"\nbundle = \"partner.json\"\n";
        governor.write("bailiwick.toml", &format!("{}{tls}", NOTES[0].1));
        governor.write("tls/staff.pem", &staff.pem());
        put(&governor, (&server, &key));
        governor.write("own.json", &bundle(&[&own]));
        governor.write("partner.json", &bundle(&[&partner]));
        let (name, proof) = ("identity = \"reader\"", "{ uid = UID }");
        let charter = |identity: &str, proved: &str| {
            let text = NOTES[1].1.replace(name, &format!("identity = \"{identity}\""));
            text.replace(proof, proved).replace("\"reading\", \"asking\"", "\"reading\"")
        };
        governor.write("charters/pod.toml", &charter("pod", &format!("{{ spiffe = \"{POD}\" }}")));
        let keyed = "{ key = \"keys/laptop.pub.pem\" }";
        governor.write("charters/laptop.toml", &charter("laptop", keyed));
        governor.json(&["identity", "add", "laptop", "--generate-key"]);
        governor.serve();
        Self { governor, server, own, partner, staff }
    }

    fn try_connect(&self, shown: Option<&Shown>) -> Result<Stream, std::io::Error> {
        connect(&self.governor, self.speaking(shown))
    }

    /// Who believes the governor, and shows this, whether or not the two are a pair.
    fn speaking(&self, shown: Option<&Shown>) -> Arc<ClientConfig> {
        let Some(shown) = shown else { return believer(&self.server, &[&TLS13, &TLS12], &[]) };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.server.as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(shown.key.serialize_der()));
        let key = default_provider().key_provider.load_private_key(key).unwrap();
        let shown = CertifiedKey::new(vec![shown.certificate.clone()], key);
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
        Arc::new(config)
    }

    fn connect(&self, shown: &Shown) -> Stream {
        self.try_connect(Some(shown)).unwrap()
    }

    fn form(&self, stream: &mut Stream, path: &str, form: &str) -> Answer {
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        ask(&self.governor, stream, &format!("POST {path}"), kind, form)
    }

    /// Asks for a token with nothing but the certificate of the connection.
    fn asks(&self, stream: &mut Stream, more: &str) -> Answer {
        self.form(stream, "/oauth2/token", &format!("grant_type=client_credentials{more}"))
    }

    /// Asks for a token with the laptop's key.
    fn laptop_asks(&self, stream: &mut Stream) -> Answer {
        let pem = fs::read_to_string(self.governor.path("keys/laptop.pem")).unwrap();
        let key =
            bailiwick_connect::IdentityKey::from_pem(&bailiwick_connect::Secret::new(pem)).unwrap();
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let now = bailiwick_model::Timestamp::default().after(since);
        let made = key.assertion(&"laptop".parse().unwrap(), self.governor.url(), now).unwrap();
        let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
        self.asks(
            stream,
            &format!("&client_assertion_type={kind}&client_assertion={}", made.expose()),
        )
    }

    fn call(&self, stream: &mut Stream, token: &str) -> Answer {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "read_note", "arguments": {"path": "/notes/today"}}});
        let headers = format!(
            "Authorization: Bearer {token}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
        );
        ask(&self.governor, stream, "POST /mcp/notes", &headers, &call.to_string())
    }
}

fn token(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

fn confirmed(token: &str) -> Value {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let part = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&part).unwrap()["cnf"].clone()
}

/// Says that nothing was let in: by the handshake, or by the first answer.
fn keeps_out(house: &House, shown: &Shown) {
    let Ok(mut stream) = house.try_connect(Some(shown)) else { return };
    let host = host(&house.governor);
    let head = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let written = stream.write_all(head.as_bytes());
    let answer = written.ok().and_then(|()| try_answer(&mut stream));
    assert!(answer.is_none(), "{answer:?}");
}

#[test]
fn a_workload_opens_its_task_with_its_certificate_and_no_other_connection_can_use_its_token() {
    let house = House::new();
    let svid = shown(&house.own, |_| {});
    let mut stream = house.connect(&svid);
    let answer = house.asks(&mut stream, "&client_id=pod");
    let (token, told) = (token(&answer), answer.json());
    assert_eq!(told["authorization_details"][0]["identity"], "pod");
    assert_eq!(told["token_type"], "Bearer");
    assert_eq!(confirmed(&token)["x5t#S256"].as_str().unwrap().len(), 43);
    assert_eq!(house.call(&mut stream, &token).json()["result"]["isError"], false);
    assert_eq!(house.call(&mut house.connect(&svid), &token).json()["result"]["isError"], false);
    assert_eq!(house.governor.reached(), 2);

    // Stolen: without a certificate, with a certificate of the same name and another key, as DPoP.
    let again = shown(&house.own, |_| {});
    let others = [None, Some(&again)].map(|it| house.try_connect(it).unwrap());
    for mut other in others {
        let refused = house.call(&mut other, &token);
        assert_eq!(refused.status, 401, "{refused:?}");
        let challenge = refused.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{challenge}");
        assert!(challenge.contains("client certificate"), "{challenge}");
        let headers = format!("Authorization: Bearer {token}\r\n");
        for line in ["GET /http/none/x", "POST /leases/none", "GET /mcp/notes"] {
            let refused = ask(&house.governor, &mut other, line, &headers, "");
            assert_eq!(refused.status, 401, "{line}: {refused:?}");
        }
    }
    let headers = format!("Authorization: DPoP {token}\r\nContent-Type: application/json\r\n");
    let refused = ask(&house.governor, &mut stream, "POST /mcp/notes", &headers, "{}");
    assert_eq!(refused.status, 401, "{refused:?}");
    assert_eq!(house.governor.reached(), 2);

    // The certificate proves who asks wherever an assertion does.
    let told = house.form(&mut stream, "/oauth2/introspect", &format!("token={token}")).json();
    assert_eq!((&told["active"], &told["token_type"]), (&json!(true), &json!("Bearer")));
    assert_eq!(told["cnf"], confirmed(&token));
    let trade = format!(
        "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token={token}&subject_token_type=urn:ietf:params:oauth:token-type:access_token"
    );
    let traded = house.form(&mut stream, "/oauth2/token", &trade);
    assert_eq!(confirmed(&self::token(&traded)), confirmed(&token));
    let refused = house.form(&mut house.connect(&again), "/oauth2/token", &trade);
    assert_eq!((refused.status, &refused.json()["error"]), (400, &json!("invalid_request")));
    assert_eq!(house.form(&mut stream, "/oauth2/revoke", &format!("token={token}")).status, 200);
    assert_ne!(house.call(&mut stream, &token).json()["result"]["isError"], false);
}

#[test]
fn a_certificate_proves_only_whom_its_own_authority_vouches_for() {
    let house = House::new();
    let refused = |shown: &Shown, more: &str, wanted: &str| {
        let answer = house.asks(&mut house.connect(shown), more);
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (401, &json!("invalid_client")),
            "{answer:?}"
        );
        assert!(answer.body.contains(wanted), "{wanted}: {answer:?}");
    };
    // Of another domain's authority, and of those that vouch for clients alone.
    refused(&shown(&house.partner, |_| {}), "", "its own trust domain");
    refused(&shown(&house.staff, |_| {}), "", "its own trust domain");
    refused(&shown(&house.own, named(&["spiffe://partner.example/agents/pod"])), "", "its own");
    refused(&shown(&house.own, named(&[POD, "spiffe://example.org/admin"])), "", "exactly one");
    refused(&shown(&house.own, named(&[])), "", "exactly one");
    refused(&shown(&house.own, named(&["spiffe://example.org/agents/x"])), "", "no charter");
    refused(&shown(&house.own, |_| {}), "&client_id=reader", "client_id");
    let usage = |it: &mut CertificateParams| it.key_usages = vec![KeyUsagePurpose::KeyAgreement];
    refused(&shown(&house.own, usage), "", "digitalSignature");
    let half = "&client_assertion=a.b.c";
    refused(&shown(&house.own, |_| {}), half, "client_assertion");

    // Who is not believed at all shakes no hands.
    let stranger = authority();
    keeps_out(&house, &shown(&stranger, |_| {}));
    keeps_out(&house, &shown(&house.own, |it| it.not_after = minutes(-1)));
    keeps_out(&house, &shown(&house.own, |it| it.not_before = minutes(5)));
    keeps_out(
        &house,
        &shown(&house.own, |it| it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
    );
    // The certificate of one and the key of another.
    let (mut mixed, other) = (shown(&house.own, |_| {}), shown(&house.own, |_| {}));
    mixed.key = other.key;
    keeps_out(&house, &mixed);
    assert!(is_alive(&house.governor, &mut house.connect(&shown(&house.own, |_| {}))));
    assert!(is_alive(&house.governor, &mut house.try_connect(None).unwrap()), "nobody must");
}

#[test]
fn whoever_proves_a_key_gets_a_token_that_is_bound_to_its_connections_certificate() {
    let house = House::new();
    let staff = shown(&house.staff, named(&[]));
    let mut stream = house.connect(&staff);
    let token = token(&house.laptop_asks(&mut stream));
    assert!(confirmed(&token)["x5t#S256"].is_string());
    assert_eq!(house.call(&mut stream, &token).status, 200);
    let mut bare = house.try_connect(None).unwrap();
    assert_eq!(house.call(&mut bare, &token).status, 401);
    // Without a certificate it is a bearer token, which any connection may show.
    let plain = self::token(&house.laptop_asks(&mut bare));
    assert_eq!(confirmed(&plain), Value::Null);
    assert_eq!(house.call(&mut stream, &plain).status, 200);
    let told =
        ask(&house.governor, &mut bare, "GET /.well-known/oauth-authorization-server", "", "");
    let told = told.json();
    assert_eq!(told["tls_client_certificate_bound_access_tokens"], true);
    let methods = told["token_endpoint_auth_methods_supported"].as_array().unwrap().clone();
    assert!(methods.contains(&json!("spiffe_x509")), "{methods:?}");
}

#[test]
fn authorities_are_exchanged_without_a_restart() {
    let house = House::new();
    let (next, bundles) = (authority(), authority());
    house.governor.write("tls/staff.pem", &next.pem());
    house.governor.write("own.json", &bundle(&[&bundles]));
    house.governor.json(&["reload"]);
    assert!(is_alive(&house.governor, &mut house.connect(&shown(&next, named(&[])))));
    keeps_out(&house, &shown(&house.staff, named(&[])));
    // The bundle is read again when somebody comes whom nobody known vouches for.
    let began = Instant::now();
    let svid = shown(&bundles, |_| {});
    let mut stream = loop {
        if let Ok(mut stream) = house.try_connect(Some(&svid))
            && let Some(answer) = {
                let head =
                    format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", host(&house.governor));
                stream.write_all(head.as_bytes()).ok().and_then(|()| try_answer(&mut stream))
            }
        {
            assert_eq!(answer.status, 200);
            break stream;
        }
        assert!(began.elapsed() < PATIENCE * 4, "the new authority is not known");
        std::thread::sleep(std::time::Duration::from_millis(200));
    };
    assert_eq!(house.asks(&mut stream, "").status, 200);
    house.governor.write("tls/staff.pem", "no certificate");
    let said = house.governor.refused(&["reload"], 2);
    assert!(said.contains("client_ca") || said.contains("staff.pem"), "{said}");
}

#[test]
fn openssl_shows_a_certificate_and_is_who_it_says() {
    let house = House::new();
    let svid = shown(&house.own, |_| {});
    for (name, text) in [
        ("client.pem", pem("CERTIFICATE", &svid.certificate)),
        ("client.key", svid.key.serialize_pem()),
        ("server.pem", house.server.clone()),
    ] {
        house.governor.write(name, &text);
    }
    let host = host(&house.governor).to_owned();
    let form = "grant_type=client_credentials";
    let request = format!(
        "POST /oauth2/token HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let speaks = |version: &str, certificate: bool| {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-quiet", "-connect", &host, version, "-CAfile", "server.pem"]);
        if certificate {
            command.args(["-cert", "client.pem", "-key", "client.key"]);
        }
        let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = streams.current_dir(house.governor.folder()).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(request.as_bytes()).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    for version in ["-tls1_3", "-tls1_2"] {
        let said = speaks(version, true);
        assert!(
            said.starts_with("HTTP/1.1 200") && said.contains("\"identity\":\"pod\""),
            "{said}"
        );
        assert!(speaks(version, false).starts_with("HTTP/1.1 401"));
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let lines = STANDARD.encode(der);
    let lines: Vec<_> =
        lines.as_bytes().chunks(64).map(|it| std::str::from_utf8(it).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
