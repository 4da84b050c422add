//! The tables of targets: what is wrong with one is shown where it stands.

use std::fs;

use crate::governor::{Governor, NOTES};

#[test]
fn what_a_kind_finds_wrong_is_shown_where_it_stands() {
    let governor = Governor::prepare(NOTES);
    let toml = fs::read_to_string(governor.path("bailiwick.toml")).unwrap();
    for (kind, table, wanted) in [
        (
            "postgres",
            "host = \"db.example\"\ntls = false\ndatabase = \"o\"\nlogin = \"g\"\ngroups = [\"r\"]",
            "is another machine: reach it with TLS",
        ),
        (
            "postgres",
            "host = \"/run\"\ndatabase = \"o\"\nlogin = \"g\"\ngroups = []",
            "say which groups a lease may be a member of",
        ),
        (
            "ssh",
            "host = \"h\"\nfolder = \"f\"\nkrl = \"k\"\nprincipals = [\"deploy\"]\nend = []",
            "what is open would go on",
        ),
        (
            "x509",
            "folder = \"f\"\ncrl = \"c\"\ntrust_domain = \"E\"\npaths = [\"/a\"]\nend = [\"true\"]",
            "is no trust domain",
        ),
        (
            "oauth",
            "token_endpoint = \"https://as.example/t\"\nrevocation_endpoint = \"http://as.example/r\"\nclient = \"c\"\nsecret_file = \"s\"\nscopes = [\"a\"]",
            "is no address",
        ),
        (
            "kubernetes",
            "server = \"https://c.example\"\nnamespace = \"jobs\"\naccounts = [\"a\"]",
            "say where the secret lies",
        ),
    ] {
        let target =
            format!("[[target]]\nname = \"t\"\nkind = \"{kind}\"\n[target.{kind}]\n{table}\n");
        governor.write("bailiwick.toml", &format!("{toml}\n{target}"));
        let ran = governor.run(&["check"]);
        let said = ran.stdout;
        assert_eq!(ran.code, 2, "{kind}: {said}");
        assert!(said.replace('\n', " ").contains(wanted), "{kind}: {said}");
    }
}
