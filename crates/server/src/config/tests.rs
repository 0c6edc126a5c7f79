//! The configuration, layer by layer.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::keys::{KEYS, Kind, SECTIONS};
use super::*;

/// Sources that can be built up; nothing of the process's own environment is in them.
struct Given {
    directory: tempfile::TempDir,
    variables: Vec<(OsString, OsString)>,
    flags: Flags,
    file: Option<std::path::PathBuf>,
    purpose: Purpose,
}

impl Given {
    fn nothing() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
            flags: Flags::default(),
            file: None,
            purpose: Purpose::Command,
        }
    }

    fn file(text: &str) -> Self {
        Self::nothing().with_file("hookline.toml", text)
    }

    fn variable(name: &str, value: &str) -> Self {
        Self::nothing().with_variable(name, value)
    }

    fn with_file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.directory.path().join(name), text).unwrap();
        self
    }

    fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    fn for_serve(mut self) -> Self {
        self.purpose = Purpose::Serve;
        self
    }

    fn load(&self) -> Result<Loaded, Problems> {
        load(&Sources {
            file: self.file.clone(),
            directory: self.directory.path().to_owned(),
            variables: self.variables.clone(),
            flags: self.flags.clone(),
            purpose: self.purpose,
        })
    }

    fn config(&self) -> Config {
        self.load()
            .unwrap_or_else(|problems| panic!("{problems}"))
            .config
    }

    /// The problems as printed, without the temporary directory in front of file names.
    fn problems(&self) -> Vec<String> {
        let directory = format!("{}/", self.directory.path().display());
        let problems = self.load().map(drop).unwrap_err();
        let findings = problems.findings().iter();
        findings
            .map(|finding| finding.to_string().replace(&directory, ""))
            .collect()
    }

    fn warnings(&self) -> Vec<String> {
        let loaded = self.load().unwrap_or_else(|problems| panic!("{problems}"));
        loaded
            .warnings
            .iter()
            .map(|finding| finding.key.clone())
            .collect()
    }
}

const SECRET: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn the_defaults_hold() {
    let config = Given::nothing().config();
    assert_eq!(config.server.listen, "127.0.0.1:8080");
    assert_eq!(config.server.body_limit, 4 * 1024 * 1024);
    assert_eq!(config.server.idle_timeout, Duration::from_secs(75));
    assert_eq!(
        config.store.url,
        StoreUrl::Sqlite {
            path: "hookline.db".into()
        }
    );
    assert_eq!(config.meta.graph_url.as_str(), "https://graph.facebook.com");
    assert_eq!(config.sending.first_reply_delay, Duration::from_secs(10));
    assert_eq!(config.sending.dm_delay, Duration::ZERO);
    assert_eq!(
        config.retention.unknown_accounts,
        Duration::from_hours(7 * 24)
    );
    assert_eq!(config.retention.compress_after, Duration::from_hours(24));
    assert!(config.optout.stop_words.iter().any(|word| word == "стоп"));
    assert_eq!(config.log.format, LogFormat::Text);
    assert!(Given::nothing().warnings().is_empty());
}

#[test]
fn every_layer_overrides_the_one_before() {
    let mut given = Given::file("[server]\nlisten = \"127.0.0.1:1\"");
    assert_eq!(given.config().server.listen, "127.0.0.1:1");
    given = given.with_variable("HOOKLINE_SERVER__LISTEN", "127.0.0.1:2");
    assert_eq!(given.config().server.listen, "127.0.0.1:2");
    given.flags.listen = Some("127.0.0.1:3".to_owned());
    assert_eq!(given.config().server.listen, "127.0.0.1:3");
    given.flags.store_url = Some("sqlite:/var/lib/h.db".to_owned());
    assert_eq!(
        given.config().store.url,
        StoreUrl::Sqlite {
            path: "/var/lib/h.db".into()
        }
    );
}

#[test]
fn a_list_of_stop_words_replaces_the_default_but_not_what_always_counts() {
    let given = Given::file("[optout]\nstop_words = [\"Schluss\"]\nstart_words = []");
    let words = given.config().optout;
    assert_eq!(words.stop_words, ["stop", "unsubscribe", "Schluss"]);
    assert_eq!(words.start_words, ["start"]);
    let given = given.with_variable("HOOKLINE_OPTOUT__START_WORDS", "los, weiter");
    assert_eq!(
        given.config().optout.start_words,
        ["start", "los", "weiter"]
    );
}

#[test]
fn a_named_file_is_read_instead_and_must_exist() {
    let mut given =
        Given::file("[log]\nlevel = \"warn\"").with_file("other.toml", "[log]\nlevel = \"debug\"");
    given.file = Some("other.toml".into());
    assert_eq!(given.config().log.level, "debug");
    given.file = Some("missing.toml".into());
    let problems = given.problems();
    assert!(
        problems[0].starts_with("--config (flag --config): missing.toml cannot be read"),
        "{problems:?}"
    );
}

#[test]
fn lists_are_separated_by_commas_in_the_environment_and_by_lines_in_files() {
    let exposed = |given: &Given| -> Vec<String> {
        let secrets = given.config().meta.app_secrets;
        secrets
            .iter()
            .map(|secret| secret.expose().to_owned())
            .collect()
    };
    let given = Given::variable("HOOKLINE_META__APP_SECRETS", "one, two");
    assert_eq!(exposed(&given), ["one", "two"]);
    let given = Given::file("[meta]\napp_secrets = [\"one\", \"two\"]");
    assert_eq!(exposed(&given), ["one", "two"]);
    let given = Given::variable("HOOKLINE_META__APP_SECRETS_FILE", "secrets")
        .with_file("secrets", "one\r\ntwo\n\n");
    assert_eq!(exposed(&given), ["one", "two"]);
}

#[test]
fn secret_files_lose_their_last_newline_only() {
    let given = Given::file("[admin]\ntoken_file = \"token\"").with_file("token", " a b \n");
    assert_eq!(given.config().admin.token.unwrap().expose(), " a b ");
}

#[test]
fn a_secret_given_both_ways_is_refused() {
    let given = Given::file("[admin]\ntoken = \"0123456789\"\ntoken_file = \"token\"")
        .with_file("token", "0123456789");
    assert_eq!(
        given.problems(),
        [
            "admin.token (hookline.toml:2): is given twice: here, and as admin.token_file \
          (hookline.toml:3); keep one of the two"
        ]
    );
}

#[test]
fn a_default_does_not_count_as_given() {
    let given =
        Given::variable("HOOKLINE_STORE__URL_FILE", "url").with_file("url", "sqlite:x.db\n");
    assert_eq!(
        given.config().store.url,
        StoreUrl::Sqlite {
            path: "x.db".into()
        }
    );
}

#[test]
fn a_secret_file_that_is_missing_or_empty_is_a_problem() {
    let given = Given::variable("HOOKLINE_ADMIN__TOKEN_FILE", "missing");
    assert!(given.problems()[0].starts_with(
        "admin.token_file (environment HOOKLINE_ADMIN__TOKEN_FILE): missing cannot be read"
    ));
    let given = Given::variable("HOOKLINE_ADMIN__TOKEN_FILE", "empty").with_file("empty", "\n");
    assert!(given.problems()[0].contains("is empty"));
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_known_one() {
    for (given, expected) in [
        (
            Given::file("[server]\n\nlisen = \"127.0.0.1:1\""),
            "server.lisen (hookline.toml:3): is not a known key; did you mean server.listen?",
        ),
        (
            Given::file("[severs]\nlisten = \"127.0.0.1:1\""),
            "severs.listen (hookline.toml:2): is not a known key; did you mean server.listen?",
        ),
        (
            Given::file("listen = \"127.0.0.1:1\""),
            "listen (hookline.toml:1): is not a known key; did you mean server.listen?",
        ),
        (
            Given::file("[meta]\nverify_token_fil = \"x\""),
            "meta.verify_token_fil (hookline.toml:2): is not a known key; did you mean \
             meta.verify_token_file?",
        ),
        (
            Given::variable("HOOKLINE_META__APP_SECRET", "x"),
            "HOOKLINE_META__APP_SECRET (environment HOOKLINE_META__APP_SECRET): is not a known \
             key; did you mean HOOKLINE_META__APP_SECRETS?",
        ),
        (
            Given::variable("HOOKLINE_SERVER_LISTEN", "x"),
            "HOOKLINE_SERVER_LISTEN (environment HOOKLINE_SERVER_LISTEN): is not a known key; did \
             you mean HOOKLINE_SERVER__LISTEN?",
        ),
        (
            Given::file("[zzz]\nqqqqq = 1"),
            "zzz.qqqqq (hookline.toml:2): is not a known key; remove it, or see \
             docs/CONFIGURATION.md for the keys",
        ),
    ] {
        assert_eq!(given.problems(), [expected]);
    }
}

#[test]
fn foreign_variables_are_left_alone() {
    let given = Given::variable("PATH", "/bin")
        .with_variable("HOOKLINE_SERVICE_HOST", "10.0.0.1")
        .with_variable("HOOKLINE_SERVICE_PORT_HTTP", "80")
        .with_variable("HOOKLINE_PORT", "tcp://10.0.0.1:80")
        .with_variable("HOOKLINE_PORT_80_TCP_ADDR", "10.0.0.1")
        .with_variable("hookline_server__listen", "nowhere");
    assert_eq!(given.config().server.listen, "127.0.0.1:8080");
}

#[test]
fn all_problems_are_reported_together() {
    let given = Given::file("[server]\nlisten = \"nowhere\"\n[sending]\nfirst_reply_delay = 10\n")
        .with_variable("HOOKLINE_SERVER__BODY_LIMIT", "4 apples")
        .with_variable("HOOKLINE_STORE__URL", "postgres://u:hunter2@h/db")
        .with_variable("HOOKLINE_QUEUE__URL", "redis://h:6379")
        .with_variable("HOOKLINE_ENCRYPTION__KEYS", "AAAA,!")
        .with_variable("HOOKLINE_NONSENSE", "1")
        .for_serve();
    let problems = given.problems().join("\n");
    for expected in [
        "server.listen (hookline.toml:2): \"nowhere\" is not an address with a port",
        "sending.first_reply_delay (hookline.toml:4): \"10\" is not a duration; write a number \
         with its unit",
        "server.body_limit (environment HOOKLINE_SERVER__BODY_LIMIT): \"4 apples\" is not a size",
        "store.url (environment HOOKLINE_STORE__URL): asks for PostgreSQL, which this version \
         does not support",
        "queue.url (environment HOOKLINE_QUEUE__URL): asks for a queue, which this version does \
         not support",
        "encryption.keys (environment HOOKLINE_ENCRYPTION__KEYS): entry 1 is 3 bytes long, not 32",
        "encryption.keys (environment HOOKLINE_ENCRYPTION__KEYS): entry 2 is not base64",
        "HOOKLINE_NONSENSE",
        "meta.app_secrets: is not set",
    ] {
        assert!(
            problems.contains(expected),
            "{expected}\nis missing in\n{problems}"
        );
    }
    assert!(!problems.contains("hunter2"), "{problems}");
}

#[test]
fn values_out_of_range_are_refused() {
    for (name, value) in [
        ("HOOKLINE_SERVER__LISTEN", "::1:8080"),
        ("HOOKLINE_SERVER__LISTEN", "localhost:70000"),
        ("HOOKLINE_SERVER__LISTEN", ""),
        ("HOOKLINE_SERVER__PUBLIC_URL", "ftp://example.com"),
        ("HOOKLINE_SERVER__PUBLIC_URL", "https://u:p@example.com"),
        ("HOOKLINE_SERVER__PUBLIC_URL", "https://example.com/?a=b"),
        ("HOOKLINE_SERVER__HEADER_TIMEOUT", "1ms"),
        ("HOOKLINE_SERVER__BODY_LIMIT", "1B"),
        ("HOOKLINE_SERVER__BODY_LIMIT", "99999999999999999999GiB"),
        ("HOOKLINE_SERVER__MAX_CONNECTIONS", "0"),
        ("HOOKLINE_SERVER__MAX_CONNECTIONS", "-1"),
        ("HOOKLINE_STORE__URL", "sqlite::memory:"),
        ("HOOKLINE_STORE__URL", "hookline.db"),
        ("HOOKLINE_META__APP_ID", "12a"),
        ("HOOKLINE_META__API_VERSION", "26"),
        ("HOOKLINE_META__API_VERSION", "v26.0/me"),
        ("HOOKLINE_META__MANAGE_SUBSCRIPTION", "yes"),
        ("HOOKLINE_META__APP_SECRETS", "one,,two"),
        ("HOOKLINE_LOG__LEVEL", "inof"),
        ("HOOKLINE_LOG__FORMAT", "xml"),
        ("HOOKLINE_SENDING__WORKERS", "0"),
    ] {
        let problems = Given::variable(name, value).problems();
        assert_eq!(problems.len(), 1, "{name}={value}: {problems:?}");
        assert!(problems[0].contains(name), "{problems:?}");
    }
}

#[test]
fn keys_that_contradict_each_other_are_refused() {
    let given = Given::variable("HOOKLINE_SERVER__BODY_TIMEOUT", "80s");
    assert!(given.problems()[0].contains("is not shorter than server.idle_timeout"));
    let given = Given::variable("HOOKLINE_SERVER__HEADER_TIMEOUT", "30s");
    assert!(given.problems()[0].contains("is longer than server.body_timeout"));
    let given = Given::variable("HOOKLINE_SENDING__PRIVATE_REPLY_BURST", "751");
    assert!(given.problems()[0].contains("is more than sending.private_replies_per_hour"));
    let given = Given::variable("HOOKLINE_META__MANAGE_SUBSCRIPTION", "true");
    assert_eq!(given.problems().len(), 3);
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let given = Given::variable("HOOKLINE_ENCRYPTION__KEYS", &format!("{key},{key}"));
    assert!(given.problems()[0].contains("holds one key twice"));
}

#[test]
fn a_comparison_with_a_broken_value_is_not_a_second_problem() {
    let given = Given::variable("HOOKLINE_SERVER__IDLE_TIMEOUT", "soon");
    assert_eq!(given.problems().len(), 1);
}

#[test]
fn what_was_probably_not_meant_is_a_warning() {
    let given = Given::variable("HOOKLINE_META__APP_SECRETS", SECRET).for_serve();
    assert_eq!(given.warnings(), ["meta.verify_token", "admin.token"]);
    let given = given
        .with_variable("HOOKLINE_META__VERIFY_TOKEN", "word")
        .with_variable("HOOKLINE_ADMIN__TOKEN", SECRET);
    assert!(given.warnings().is_empty());
    let given = given
        .with_variable("HOOKLINE_META__GRAPH_URL", "http://sim.example:9000/")
        .with_variable(
            "HOOKLINE_META__INSTAGRAM_GRAPH_URL",
            "http://127.0.0.1:9000",
        )
        .with_variable("HOOKLINE_SENDING__PRIVATE_REPLIES_PER_HOUR", "800")
        .with_variable("HOOKLINE_SERVER__BODY_LIMIT", "1MiB");
    assert_eq!(
        given.warnings(),
        [
            "server.body_limit",
            "sending.private_replies_per_hour",
            "meta.graph_url"
        ]
    );
    assert_eq!(
        given.config().meta.graph_url.as_str(),
        "http://sim.example:9000"
    );
}

#[test]
fn a_variable_set_to_nothing_leaves_an_optional_key_unset() {
    let given = Given::variable("HOOKLINE_META__VERIFY_TOKEN", "")
        .with_variable("HOOKLINE_QUEUE__URL", "")
        .with_variable("HOOKLINE_ADMIN__TOKEN_FILE", "");
    assert!(given.config().meta.verify_token.is_none());
}

#[test]
fn broken_toml_is_named_by_its_line_and_never_quoted() {
    let problems = Given::file("[admin]\ntoken = hunter2\n")
        .problems()
        .join("\n");
    assert!(
        problems.contains("configuration file (hookline.toml:2)"),
        "{problems}"
    );
    assert!(!problems.contains("hunter2"), "{problems}");
}

#[test]
fn no_secret_is_printed_by_anything() {
    let given = Given::variable("HOOKLINE_META__APP_SECRETS", "hunter2")
        .with_variable("HOOKLINE_META__VERIFY_TOKEN", "hunter2")
        .with_variable("HOOKLINE_ADMIN__TOKEN", "hunter2")
        .for_serve();
    assert!(!format!("{:?}", given.load()).contains("hunter2"));
}

#[test]
fn the_table_of_keys_is_sound() {
    for key in KEYS {
        assert!(
            SECTIONS
                .iter()
                .any(|(section, _)| *section == key.section()),
            "{}",
            key.path
        );
        assert!(
            key.doc.ends_with('.') && !key.doc.contains('|'),
            "{}",
            key.path
        );
    }
}

#[test]
fn every_key_of_the_table_is_read() {
    for key in KEYS.iter().filter(|key| !key.kind.is_list()) {
        let given = Given::variable(&key.variable(), "\u{1}");
        let is_free_text = key.is_secret && key.default.is_none() && key.kind == Kind::Text;
        assert_eq!(given.load().is_ok(), is_free_text, "{}", key.path);
    }
}

#[test]
fn the_reference_page_is_current() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/CONFIGURATION.md");
    let written = std::fs::read_to_string(page).unwrap_or_default();
    assert!(
        written == reference(),
        "docs/CONFIGURATION.md is not current: run `cargo xtask generate`"
    );
}

#[test]
fn whom_to_tell_is_read_with_what_it_needs() {
    let given = Given::file(
        "[alerts]\nurls = [\"https://example.com/a?b=c\"]\nsecret = \"0123456789abcdef\"\n\
         smtp_url = \"smtps://ada:pass@mail.example.com\"\nemail_from = \"h@example.com\"\n\
         email_to = [\"Ada <ada@example.com>\"]",
    );
    assert!(given.warnings().is_empty());
    let alerts = given.config().alerts;
    assert_eq!(alerts.urls[0].origin(), "https://example.com");
    assert_eq!(alerts.smtp.unwrap().port, 465);
    assert_eq!(alerts.email_to.len(), 1);

    let problems = |lines: &str| -> Vec<String> {
        let problems = Given::file(&format!("[alerts]\n{lines}")).load().map(drop);
        let problems = problems.unwrap_err();
        let keys = problems.findings().iter().map(|it| it.key.clone());
        keys.collect()
    };
    let urls = "urls = [\"https://example.com\"]";
    assert_eq!(problems(urls), ["alerts.secret"]);
    let server = "smtp_url = \"smtp://mail.example.com\"";
    assert_eq!(problems(server), ["alerts.email_from", "alerts.email_to"]);
    assert_eq!(problems("email_to = [\"a@b.c\"]"), ["alerts.smtp_url"]);
    assert_eq!(problems("email_to = [\"nobody\"]"), ["alerts.email_to"]);
    let exposed = "urls = [\"http://example.com\"]\nsecret = \"short\"";
    let warned = Given::file(&format!("[alerts]\n{exposed}")).warnings();
    assert_eq!(warned, ["alerts.urls", "alerts.secret"]);
}
