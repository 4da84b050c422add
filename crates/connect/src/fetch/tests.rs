//! What is read, and where nobody goes.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;

fn place(text: &str) -> Result<FetchPlace, FetchPlaceError> {
    FetchPlace::new(text, ServerTrust::nobody)
}

#[test]
fn only_https_and_what_is_on_this_machine_is_an_address() {
    for good in [
        "https://example.org/keys",
        "https://10.0.0.7:8443/openid/v1/jwks?x=1",
        "https://[2001:db8::1]/keys",
        "http://127.0.0.1:8080/keys",
        "http://localhost/keys",
        "http://[::1]:9/keys",
    ] {
        assert!(place(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "keys.json",
        "/keys",
        "http://example.org/keys",
        "http://127.0.0.1.example.org/keys",
        "http://10.0.0.7/keys",
        "file:///etc/passwd",
        "gopher://localhost/",
        "https://user@example.org/keys",
        "https://example.org/keys#a",
        "https:///keys",
    ] {
        assert!(matches!(place(bad), Err(FetchPlaceError::Address(_))), "{bad}");
    }
}

#[test]
fn nobody_is_led_to_metadata_links_or_this_machine() {
    for (address, named) in [
        ("169.254.169.254", false),
        ("169.254.1.1", false),
        ("127.0.0.1", false),
        ("::1", false),
        ("0.0.0.0", false),
        ("::", false),
        ("224.0.0.1", false),
        ("255.255.255.255", false),
        ("100.100.100.200", false),
        ("fe80::1", false),
        ("fd00:ec2::254", false),
        ("ff02::1", false),
        ("::ffff:169.254.169.254", false),
        ("::ffff:127.0.0.1", false),
        ("::127.0.0.1", false),
        ("64:ff9b::a9fe:a9fe", false),
        ("2002:a9fe:a9fe::1", false),
        ("10.0.0.7", true),
        ("172.20.0.1", true),
        ("93.184.216.34", true),
        ("2001:db8::1", true),
        ("fd12:3456::1", true),
    ] {
        assert_eq!(may_go(address.parse().unwrap(), false), named, "{address}");
    }
    assert!(may_go("127.0.0.1".parse().unwrap(), true));
    assert!(may_go("::1".parse().unwrap(), true));
    assert!(!may_go("10.0.0.7".parse().unwrap(), true), "localhost that points elsewhere");
}

/// Answers one request with `answer`, and reads from there.
async fn answered(answer: String, max: usize) -> Result<Bytes, FetchError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 4096];
        let read = stream.read(&mut head).await.unwrap();
        let _gone = stream.write_all(answer.as_bytes()).await;
        (String::from_utf8_lossy(&head[..read]).into_owned(), stream)
    });
    let mut place = place(&format!("http://127.0.0.1:{port}/keys?v=1")).unwrap();
    place.patience = Duration::from_millis(200);
    let read = place.read(max).await;
    let (head, _stream) = serving.await.unwrap();
    assert!(head.starts_with("GET /keys?v=1 HTTP/1.1\r\n"), "{head}");
    read
}

fn whole(status: &str, more: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{more}\r\n{body}", body.len())
}

#[tokio::test]
async fn one_document_is_read_and_no_more_than_may_be() {
    let read = answered(whole("200 OK", "", "{}"), 100).await.unwrap();
    assert_eq!(read, "{}");
    let long = answered(whole("200 OK", "", &"x".repeat(101)), 100).await;
    assert!(matches!(long, Err(FetchError::TooLong { max: 100 })), "{long:?}");
    // One that does not say how long it is, and does not end.
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(3000));
    let endless = answered(endless, 100).await;
    assert!(matches!(endless, Err(FetchError::TooLong { .. })), "{endless:?}");
}

#[tokio::test]
async fn nobody_is_sent_on_and_nobody_is_waited_for() {
    let moved = whole("302 Found", "Location: http://169.254.169.254/\r\n", "");
    let moved = answered(moved, 100).await;
    assert!(matches!(moved, Err(FetchError::Status(StatusCode::FOUND))), "{moved:?}");
    let late = answered("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf".to_owned(), 100).await;
    assert!(matches!(late, Err(FetchError::Late)), "{late:?}");
    let other = answered("SSH-2.0-OpenSSH\r\n".to_owned(), 100).await;
    assert!(matches!(other, Err(FetchError::Broke(_))), "{other:?}");
}
