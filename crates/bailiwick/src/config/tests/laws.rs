//! Laws of reading: any bytes are answered, and no key is passed over.

use proptest::prelude::*;

use super::Files;
use crate::check::Look;

/// Text that is nearly a configuration: lines that mean something, cut, mixed and broken.
fn nearly() -> impl Strategy<Value = String> {
    let lines = prop::sample::select(vec![
        "[listen]",
        "http = \"127.0.0.1:8470\"",
        "[[server]]",
        "name = \"files\"",
        "[server.tool.x]",
        "command = [\"x\"",
        "effects = [\"read\", 1]",
        "[[fact]]",
        "until = 2026-12-27",
        "[window]",
        "max = \"1h\"",
        "[[allow]]",
        "tools = {}",
        "when = '''",
        "x",
        "identity = \"a\"",
        "proof = [{ uid = 99999999999999999999 }]",
        "[params.a]",
        "pattern = \"(\"",
        "a.b.c = 1",
        "[a.b]",
        "[[a]]",
        "a = 1",
        "= 1",
        "\"",
        "proof = [[[]]]",
        "kind = \"agent\"",
        "[budget]",
        "calls = 0x_1",
        "bytes_out = inf",
        "[server]",
        "env = { LANG = \"\\u0000\" }",
    ]);
    prop::collection::vec(lines, 0..24).prop_map(|lines| lines.join("\n"))
}

fn answered(bytes: &[u8]) {
    let files = Files::good()
        .with("bailiwick.toml", bytes)
        .with("charters/any.toml", bytes)
        .with("templates/any.toml", bytes);
    if let Err(found) = files.load() {
        let look = Look::plain(78);
        assert!(found.errors.iter().all(|it| !look.draw(it.as_ref()).is_empty()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        answered(&bytes);
    }

    #[test]
    fn any_text_that_is_nearly_a_configuration_is_answered(text in nearly()) {
        answered(text.as_bytes());
    }

    #[test]
    fn no_unknown_key_is_passed_over(
        key in "[a-z]{1,8}_unknown",
        table in prop::sample::select(vec!["", "[listen]", "[state]", "[policy]", "[publish]", "[[server]]", "[[fact]]"]),
    ) {
        let files = Files::good().with("bailiwick.toml", format!("{table}\n{key} = 1\n"));
        let found = files.load().unwrap_err();
        prop_assert!(found.errors.iter().any(|it| it.code().is_some_and(|it| it.to_string() == "CFG-003")));
    }
}

#[test]
fn deep_nesting_is_answered() {
    answered(
        "a = ".bytes().chain(std::iter::repeat_n(b'[', 50_000)).collect::<Vec<_>>().as_slice(),
    );
    answered(format!("{}x = 1", "a.".repeat(50_000)).as_bytes());
}
