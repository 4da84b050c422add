//! A server over HTTPS, on loopback: believed where it proves to be itself, and else not spoken to.

use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt as _};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{Response, header},
    routing::any,
};
use bailiwick_connect::{ListenerTls, ServerTrust, TlsFiles};
use bailiwick_model::Timestamp;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::*;

/// A listener that speaks TLS, as axum wants one.
struct Site(TcpListener, TlsAcceptor);

impl axum::serve::Listener for Site {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, address)) = self.0.accept().await else { continue };
            if let Ok(stream) = self.1.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

async fn answer(body: Bytes) -> Response<Body> {
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let method = asked["method"].as_str();
    if method == Some("server/discover") {
        let error = json!({"code": -32601, "message": "Method not found"});
        return reply(&json!({"jsonrpc": "2.0", "id": asked["id"], "error": error}));
    }
    let result = match method {
        Some("initialize") => {
            json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}})
        }
        Some("tools/list") => json!({"tools": [{"name": "plain"}]}),
        _ => json!({}),
    };
    reply(&json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}))
}

fn reply(message: &Value) -> Response<Body> {
    let head = Response::builder().header(header::CONTENT_TYPE, "application/json");
    head.body(Body::from(message.to_string())).unwrap()
}

/// Starts a server whose certificate is for `name`; gives its address and the certificate's file.
async fn serve(folder: &Path, name: &str) -> (http::Uri, std::path::PathBuf) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let files = TlsFiles {
        certificate: folder.join("cert.pem"),
        key: folder.join("key.pem"),
        client_ca: None,
    };
    fs::write(&files.certificate, cert.pem()).unwrap();
    fs::write(&files.key, signing_key.serialize_pem()).unwrap();
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o600)).unwrap();
    let certificate = files.certificate.clone();
    let now = Timestamp::default().after(std::time::UNIX_EPOCH.elapsed().unwrap());
    let shown = ListenerTls::load(files, now).unwrap().config();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/mcp", listener.local_addr().unwrap()).parse().unwrap();
    let site = Site(listener, TlsAcceptor::from(shown));
    let app = Router::new().route("/mcp", any(answer));
    tokio::spawn(async move { axum::serve(site, app).await });
    (url, certificate)
}

fn spec_with(url: http::Uri, trust: Option<ServerTrust>) -> ServerSpec {
    ServerSpec { trust, ..spec(Transport::Http { url }) }
}

#[tokio::test]
async fn a_server_that_proves_to_be_itself_is_spoken_to() {
    let folder = tempfile::tempdir().unwrap();
    let (url, certificate) = serve(folder.path(), "127.0.0.1").await;
    let trust = ServerTrust::of_file(&certificate).unwrap();
    let world = World::up(spec_with(url, Some(trust))).await;
    assert_eq!(world.tools().await, ["plain"]);
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_or_of_another_name_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (url, certificate) = serve(folder.path(), "tools.example.org").await;
    let (other, elsewhere) = (tempfile::tempdir().unwrap(), "127.0.0.1");
    let (_, stranger) = serve(other.path(), elsewhere).await;
    let trust = |file: &Path| Some(ServerTrust::of_file(file).unwrap());
    for trust in [trust(&certificate), trust(&stranger), None] {
        let mut world = World::of(spec_with(url.clone(), trust));
        let why = soon(world.down()).await;
        assert!(why.contains("certificate"), "{why}");
    }
}
