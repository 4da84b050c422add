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
    insta::assert_snapshot!(Files::good().config(&both).mistakes(), @"");
    let gone = format!("[secrets]\nkek = \"command\"\n{TOKEN}");
    insta::assert_snapshot!(Files::good().config(&gone).mistakes(), @"");
}

#[test]
fn a_token_is_named_once_and_its_pin_stands_elsewhere() {
    let token = "[secrets.kek_pkcs11]\nmodule = \"m.so\"\ntoken = \"house\"\nslot = 1\nkey = \"kek\"\npin = \"1234\"\npin_file = \"pin\"\npin_env = \"PIN\"\n";
    insta::assert_snapshot!(Files::good().config(token).mistakes(), @"");
    insta::assert_snapshot!(Files::good().config("[secrets.kek_pkcs11]\npin_file = \"pin\"\n").mistakes(), @"");
}
