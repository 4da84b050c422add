//! What is in normal form, what is not, and what the normal form would be.

use proptest::prelude::*;

use super::*;

fn check(text: &str, wanted: Option<&str>) {
    assert!(faults(text).is_some(), "`{text}` has a fault");
    assert_eq!(normal(text).as_deref(), wanted, "normal form of `{text}`");
}

#[test]
fn texts_in_normal_form_have_no_faults() {
    for text in [
        "",
        ".",
        "/",
        "/srv/data/a.txt",
        "/srv/data/",
        "src/main.rs",
        "..hidden/x",
        "a...b/c",
        "/.config",
        "hello world",
        "50% off",
        "100%/x",
        "T-31",
        "alice@example.com",
        "alice@example.com/inbox",
        "https://example.org",
        "https://example.org/",
        "https://example.org:8443/a/b?c=../d//e#//f",
        "http://127.0.0.1:8080/x",
        "http://[::1]/x",
        "file:///srv/data",
        "test://static-text",
        "memo://insights/1",
        "https://example.org/%C3%A9%20x",
        "note: a/b",
        "http: see below",
        "urn:isbn:1",
        "C:/x",
        "two\nlines",
        "ssh://host:2222/x",
        "https://a_b.example.org/",
        "https://1.2.3.example/",
    ] {
        assert_eq!(faults(text), None, "{text}");
        assert_eq!(normal(text).as_deref(), Some(text));
    }
}

#[test]
fn paths_are_resolved_without_looking_at_files() {
    check("/srv/data/../../etc/passwd", Some("/etc/passwd"));
    check("/../../x", Some("/x"));
    check("/srv//data", Some("/srv/data"));
    check("//srv/data", Some("/srv/data"));
    check("/srv/./data/", Some("/srv/data/"));
    check("./src", Some("src"));
    check("./", Some("."));
    check("a/..", Some("."));
    check("/a/..", Some("/"));
    check("..", None);
    check("../x", None);
    check("a/../../x", None);
    check(r"C:\x\..\y", Some("C:/y"));
    check(r"..\x", None);
    check(" /srv/data", Some("/srv/data"));
    check("/srv/data\n", None);
    check("/srv/\u{0}data", None);
    check("plain\u{0}", None);
}

#[test]
fn what_is_encoded_is_found_however_often_it_is_encoded() {
    check("/srv/%2e%2e/etc", Some("/etc"));
    check("/srv/%2E./etc", Some("/etc"));
    check("..%2fetc", None);
    check("%2fetc", Some("/etc"));
    check("a%5Cb", Some("a/b"));
    check("/srv/%252e%252E/etc", Some("/etc"));
    check("/srv/%25252525252fetc", Some("/srv/etc"));
    check("/srv/x%00.txt", None);
    check("/srv/%2500", None);
    check("/srv/%c0%ae%c0%ae/etc", None);
    check("https://example.org/%61dmin", Some("https://example.org/admin"));
    check("https://example.org/%%361dmin", Some("https://example.org/admin"));
    assert_eq!(faults("/srv/%61"), None, "no server of files decodes this");
}

#[test]
fn urls_are_written_in_one_way() {
    check("HTTPS://example.org/", Some("https://example.org/"));
    check("https://Example.ORG/Path", Some("https://example.org/Path"));
    check("https://example.org./", Some("https://example.org/"));
    check("https://example.org:443/", Some("https://example.org/"));
    check("http://example.org:080/", Some("http://example.org/"));
    check("http://example.org:/", Some("http://example.org/"));
    check("http://example.org:08080/", Some("http://example.org:8080/"));
    check("http://example.org:99999/", None);
    check("http://example.org:+80/", None);
    check("https://example.org/a/../b", Some("https://example.org/b"));
    check("https://example.org//a", Some("https://example.org/a"));
    check(r"https://example.org\a", Some("https://example.org/a"));
    check("https://user:secret@example.org/", None);
    check(r"https://good.example\@evil.example/", Some("https://good.example/@evil.example/"));
    check("https://bücher.example/", None);
    check("https://ex%61mple.org/", None);
    check("https://exa mple.org/", None);
    check("https://a..b/", None);
    check("https:///path", None);
    check("https:/example.org/", None);
    check(r"http:\\example.org", None);
    check("http:example.org", None);
    check("https://example.org/a\tb", None);
    check("file:////etc/passwd", Some("file:///etc/passwd"));
    check("file://LocalHost/etc/passwd", Some("file:///etc/passwd"));
    check("file:/etc/passwd", None);
    check("https://example.org/a/..;x=1/b", None);
}

#[test]
fn an_address_is_written_in_one_way() {
    for odd in [
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "0x7f.1",
        "017700000001",
        "127.0.0.1.",
    ] {
        check(&format!("http://{odd}/x"), Some("http://127.0.0.1/x"));
    }
    check("http://[::FFFF:127.0.0.1]/", Some("http://127.0.0.1/"));
    check("http://[0:0:0:0:0:0:0:1]/", Some("http://[::1]/"));
    check("http://[fe80::1%25eth0]/", None);
    check("http://256.0.0.1/", None);
    check("http://1.2.3.4.5/", None);
    check("http://4294967296/", None);
    check("http://0x/", Some("http://0.0.0.0/"));
}

#[test]
fn a_fault_says_what_is_wrong_and_what_to_write() {
    insta::assert_snapshot!(faults("/srv/data/../x").unwrap(), @"`/srv/data/../x` is not in normal form: it has a `..` segment; write `/srv/x`");
    insta::assert_snapshot!(faults("../x").unwrap(), @"`../x` is not in normal form: it has a `..` segment");
    insta::assert_snapshot!(faults("HTTP://Example.org:80//a").unwrap(), @"`HTTP://Example.org:80//a` is not in normal form: it has capital letters in its scheme, capital letters in its host, a port that says nothing, an empty segment (`//`); write `http://example.org/a`");
}

#[test]
fn no_secret_of_a_url_is_repeated() {
    let told = faults("https://user:hunter2@example.org/x").unwrap();
    assert!(!told.contains("hunter2"), "{told}");
    let told = faults("https://Example.org/x?token=hunter2").unwrap();
    assert!(!told.contains("hunter2") && told.contains("https://example.org/x"), "{told}");
}

#[test]
fn the_host_of_a_url_is_found_behind_all_disguise() {
    assert_eq!(host_of("https://user@Example.org:8443/x").as_deref(), Some("example.org"));
    assert_eq!(host_of("http://0x7f.1/").as_deref(), Some("127.0.0.1"));
    assert_eq!(host_of("https://Bücher.example/").as_deref(), Some("bücher.example"));
    assert_eq!(host_of("file:///x"), None);
    assert_eq!(host_of("example.org/x"), None);
}

#[test]
fn long_disguises_are_seen_through_in_time() {
    let nested = format!("/x/{}", "%25".repeat(200_000));
    assert_eq!(faults(&nested), None);
    assert!(faults(&format!("/{}2e", "%25".repeat(100_000))).is_some());
    let deep = format!("/%{}2e%2e/", "25".repeat(100_000));
    assert!(faults(&deep).is_some());
    let layers = format!("https://example.org/{}61", "%%32%35".repeat(50_000));
    assert!(faults(&layers).is_some());
}

fn nasty() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "/",
        "//",
        ".",
        "..",
        "\\",
        "%2e",
        "%2F",
        "%5c",
        "%00",
        "%25",
        "25",
        "2e",
        "%",
        "a",
        "B",
        " ",
        "\n",
        "@",
        ":",
        ":80",
        "http",
        "://",
        "HTTP://",
        "https://",
        "file://",
        "Example.ORG",
        "127.1",
        "0x7f.1",
        "[::1]",
        "é",
        "?",
        "#",
        "x=1",
        "~",
        "%61",
        "xn--a",
        "\u{0}",
        "-",
        "999",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_never_panics(text in any::<String>()) {
        let _ = (faults(&text), normal(&text), host_of(&text));
    }

    #[test]
    fn a_normal_form_is_normal(text in nasty()) {
        if let Some(once) = normal(&text) {
            prop_assert_eq!(faults(&once), None);
            prop_assert_eq!(normal(&once), Some(once));
        }
    }

    #[test]
    fn only_a_text_without_faults_is_its_own_normal_form(text in nasty()) {
        prop_assert_eq!(faults(&text).is_none(), normal(&text).as_deref() == Some(text.as_str()));
    }

    #[test]
    fn a_path_without_faults_never_leads_back(text in nasty()) {
        if !text.contains("://") && faults(&text).is_none() {
            prop_assert!(text.split(['/', '\\']).all(|it| it != ".."), "{}", text);
        }
    }

    #[test]
    fn every_rooted_path_has_a_normal_form(names in prop::collection::vec("[a-z]{1,3}|\\.|\\.\\.|", 0..8)) {
        let path = format!("/{}", names.join("/"));
        prop_assert!(normal(&path).is_some(), "{}", path);
    }

    #[test]
    fn any_host_and_port_written_plainly_is_normal(host in "[a-z][a-z0-9]{0,5}(\\.[a-z]{2,4}){0,2}", port in 1024u16..) {
        prop_assert_eq!(faults(&format!("https://{host}:{port}/x")), None);
    }
}
