//! What an operator may write, and what is said of the rest.

use crate::provider::REDIRECT;
use crate::world::{RULES, secret_file};
use oidc::{Settings, WrongSettings};
use std::fs;
use std::path::Path;

const GOOD: &str = "issuer = \"https://idp.example/realm\"\nclient_id = \"quorate\"\n";

fn parsed(written: &str, directory: &Path) -> Result<Settings, WrongSettings> {
    Settings::parse(written, directory, &REDIRECT.parse().expect("an address"))
}

#[test]
fn each_fault_names_its_field_its_value_and_what_is_allowed() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let with = |line: &str| format!("{GOOD}{line}\n{RULES}");
    let rule = |lines: &str| format!("{GOOD}[[rule]]\n{lines}");
    let issuer = |issuer: &str| format!("issuer = \"{issuer}\"\nclient_id = \"quorate\"\n{RULES}");
    parsed(&with(""), directory.path())?;
    for (written, expected) in [
        (issuer("http://idp.example"), r#"issuer: "http://idp.example" is not allowed: expected an https:// address"#),
        (issuer("idp.example"), r#"issuer: "idp.example" is not allowed"#),
        (issuer("https://idp.example/?tenant=1"), "without a query"),
        (issuer("https://me:word@idp.example"), "without user, password and fragment"),
        (with("client_secret = \"s3cret\""), "unknown field `client_secret`, expected one of `issuer`, `client_id`, `client_secret_file`"),
        (with("scopes = \"profile\""), "scopes: invalid type: string \"profile\", expected a sequence"),
        (with("scopes = [\"two words\"]"), r#"scopes: "two words" is not allowed"#),
        (with("name_claim = \"\""), r#"name_claim: "" is not allowed: expected 1 to 256 bytes"#),
        (with("groups_claim = \"a\\u0007\""), r#"groups_claim: "a\u{7}" is not allowed"#),
        (with("client_secret_file = \"nowhere\""), "nowhere: No such file"),
        (GOOD.to_owned(), r#"rule: "0 rules" is not allowed: expected 1 to 256"#),
        (format!("client_id = \"quorate\"\n{RULES}"), "missing field `issuer`"),
        (rule("group = \"a\"\nrole = \"broker\""), r#"rule[0].role: "broker" is not allowed: expected viewer, operator or admin"#),
        (rule("group = \"a\"\nrole = \"viewer\"\nprefixes = [\"a.\"]"), r#"rule[0].prefixes: "a." is not allowed: expected none"#),
        (rule("group = \"a\"\nrole = \"operator\"\nprefixes = []"), r#"rule[0].prefixes: "[]" is not allowed: expected at least one"#),
        (
            rule("group = \"a\"\nrole = \"operator\"\nprefixes = [\"a*\"]"),
            r#"rule[0].prefixes: "a*" is not allowed: expected up to 64 prefixes"#,
        ),
        (rule("group = \"\"\nrole = \"viewer\""), r#"rule[0].group: "" is not allowed"#),
        (rule("group = \"a\"\nroles = \"viewer\""), "unknown field `roles`, expected one of `group`, `role`, `prefixes`"),
        ("issuer = ".to_owned(), "settings: "),
    ] {
        let error = parsed(&written, directory.path()).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(expected), "{written}\n{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    Ok(())
}

#[test]
fn browsers_come_back_over_tls() {
    for (redirect, fits) in [(REDIRECT, true), ("http://localhost:7001/sign-in/oidc/callback", true), ("http://quorate.example/", false)] {
        let read = Settings::parse(&format!("{GOOD}{RULES}"), Path::new(""), &redirect.parse().expect("an address"));
        assert_eq!(read.is_ok(), fits, "{redirect}");
    }
}

#[test]
fn a_secret_is_one_line_of_a_file_for_its_user_alone() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let written = format!("{GOOD}client_secret_file = \"secret\"\n{RULES}");
    for (secret, fits) in [("s3cret\n", true), ("s3cret\r\n", true), ("s3cret", true), ("", false), ("\n", false), ("two\nlines", false)] {
        secret_file(directory.path(), secret)?;
        let read = parsed(&written, directory.path());
        assert_eq!(read.is_ok(), fits, "{secret:?}");
        assert!(!format!("{read:?}").contains("s3cret"), "{read:?}");
    }
    secret_file(directory.path(), "s3cret")?;
    fs::write(directory.path().join("oidc.toml"), &written)?;
    let path = directory.path().join("oidc.toml");
    assert_eq!(Settings::read(&path, &REDIRECT.parse()?)?.issuer(), "https://idp.example/realm", "the secret is beside the settings");

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(directory.path().join("secret"), fs::Permissions::from_mode(0o640))?;
        let error = parsed(&written, directory.path()).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("mode 640") && error.contains("chmod 600"), "{error}");
    }
    fs::write(&path, " ".repeat((64 << 10) + 1))?;
    let error = Settings::read(&path, &REDIRECT.parse()?).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("more than 65536 bytes"), "{error}");
    Ok(())
}
