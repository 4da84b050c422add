//! Where the outermost key comes from.

use std::path::Path;

use bailiwick_connect::{KekSource, PinSource, TokenPlace};

use super::Files;

const TOKEN: &str = "[secrets.kek_pkcs11]\nmodule = \"/usr/lib/softhsm/libsofthsm2.so\"\ntoken = \"house\"\nkey = \"kek\"\npin_file = \"/etc/pin\"\n";

#[test]
fn one_place_wraps_and_the_others_open() {
    let text =
        format!("[secrets]\nkek = \"pkcs11\"\nkek_file = \"kek\"\n{TOKEN}old_keys = [\"kek-1\"]\n");
    let files = Files::good().config(&text);
    let (house, _) = files.load().unwrap();
    let sources = house.config.secrets.kek(Path::new("/state"));
    let KekSource::Token(token) = &sources.wraps else { panic!("{sources:?}") };
    assert_eq!(
        (token.key.as_str(), token.old_keys.as_slice()),
        ("kek", ["kek-1".to_owned()].as_slice())
    );
    assert_eq!(token.place, TokenPlace::Label("house".to_owned()));
    assert_eq!(token.pin, Some(PinSource::File("/etc/pin".into())));
    assert_eq!(token.refused, Path::new("/state/secrets/pin.refused"));
    assert_eq!(sources.opens, [KekSource::File(files.path("kek"))]);
    let private = house.config.private();
    for file in [files.path("kek"), "/etc/pin".into()] {
        assert!(private.contains(&file), "{private:?}");
    }
    let alone = Files::good().config(&TOKEN.replace("token = \"house\"", "slot = 3"));
    let (house, _) = alone.load().unwrap();
    let sources = house.config.secrets.kek(Path::new("/state"));
    let KekSource::Token(token) = &sources.wraps else { panic!("{sources:?}") };
    assert!(sources.opens.is_empty() && token.place == TokenPlace::Slot(3), "{sources:?}");
}

#[test]
fn what_does_not_say_which_key_wraps_is_a_mistake() {
    let both = format!("[secrets]\nkek_file = \"kek\"\n{TOKEN}");
    insta::assert_snapshot!(Files::good().config(&both).mistakes(), @r#"
    CFG-007

      x the key comes from more than one place: say with `kek` which of them
      | wraps, and the others will only open
       ,-[bailiwick.toml:8:1]
     7 | kek_file = "kek"
     8 | [secrets.kek_pkcs11]
       : ^^^^^^^^^^|^^^^^^^^^
       :           `-- one more
     9 | module = "/usr/lib/softhsm/libsofthsm2.so"
       `----
      help: `kek` is `file`, `command` or `pkcs11`
            see docs/errors/CFG-007.md
    "#);
    let gone = format!("[secrets]\nkek = \"command\"\n{TOKEN}");
    insta::assert_snapshot!(Files::good().config(&gone).mistakes(), @r#"
    CFG-007

      x `kek` is `command`, and there is no `kek_command`
       ,-[bailiwick.toml:7:7]
     6 | [secrets]
     7 | kek = "command"
       :       ^^^^|^^^^
       :           `-- this does not fit
     8 | [secrets.kek_pkcs11]
       `----
      help: see docs/errors/CFG-007.md
    "#);
}

#[test]
fn a_token_is_named_once_and_its_pin_stands_elsewhere() {
    let token = "[secrets.kek_pkcs11]\nmodule = \"m.so\"\ntoken = \"house\"\nslot = 1\nkey = \"kek\"\npin = \"1234\"\npin_file = \"pin\"\npin_env = \"PIN\"\n";
    insta::assert_snapshot!(Files::good().config(token).mistakes(), @r#"
    CFG-007

      x the token is named by `token` already: leave one out
        ,-[bailiwick.toml:9:8]
      8 | token = "house"
      9 | slot = 1
        :        |
        :        `-- this does not fit
     10 | key = "kek"
        `----
      help: see docs/errors/CFG-007.md

    CFG-007

      x a PIN is not written here: name `pin_file`, `pin_command` or `pin_env`
        ,-[bailiwick.toml:11:7]
     10 | key = "kek"
     11 | pin = "1234"
        :       ^^^|^^
        :          `-- this does not fit
     12 | pin_file = "pin"
        `----
      help: see docs/errors/CFG-007.md

    CFG-007

      x the PIN comes from one place: `pin_file`, `pin_command` or `pin_env`
        ,-[bailiwick.toml:13:11]
     12 | pin_file = "pin"
     13 | pin_env = "PIN"
        :           ^^|^^
        :             `-- this does not fit
        `----
      help: see docs/errors/CFG-007.md
    "#);
    insta::assert_snapshot!(Files::good().config("[secrets.kek_pkcs11]\npin_file = \"pin\"\n").mistakes(), @r#"
    CFG-004

      x `secrets.kek_pkcs11.key` is missing
       ,-[bailiwick.toml:6:1]
     5 | command = ["files-server"]
     6 | [secrets.kek_pkcs11]
       : ^^^^^^^^^^|^^^^^^^^^
       :           `-- it belongs here
     7 | pin_file = "pin"
       `----
      help: see docs/errors/CFG-004.md

    CFG-004

      x `secrets.kek_pkcs11.module` is missing
       ,-[bailiwick.toml:6:1]
     5 | command = ["files-server"]
     6 | [secrets.kek_pkcs11]
       : ^^^^^^^^^^|^^^^^^^^^
       :           `-- it belongs here
     7 | pin_file = "pin"
       `----
      help: see docs/errors/CFG-004.md

    CFG-007

      x say which token: `token`, its label, or `slot`, a number
       ,-[bailiwick.toml:6:1]
     5 | command = ["files-server"]
     6 | [secrets.kek_pkcs11]
       : ^^^^^^^^^^|^^^^^^^^^
       :           `-- this does not fit
     7 | pin_file = "pin"
       `----
      help: see docs/errors/CFG-007.md
    "#);
}
