//! `[alerts]`: whom people are told through, each value read and checked.

use std::fmt;

use hookline_model::secret::Secret;
use lettre::message::Mailbox;
use reqwest::Url;

use super::checks::Warnings;
use super::reader::Reader;
use super::value::{Unfit, is_loopback};

/// Receivers of each kind at most: people who are told, not a mailing list.
const RECEIVERS_MAX: usize = 16;

/// A shorter secret can be guessed from one signed notice.
const SECRET_CHARACTERS_MIN: usize = 16;

/// `[alerts]`
#[derive(Debug, Clone)]
pub struct AlertsConfig {
    /// Who gets each notice as a signed POST.
    pub urls: Vec<ReceiverUrl>,
    /// What those are signed with; always there when there are URLs.
    pub secret: Option<Secret>,
    /// The server mail goes through.
    pub smtp: Option<SmtpServer>,
    /// Whom mail is from; always there when there is a server.
    pub email_from: Option<Mailbox>,
    /// Whom mail goes to; never empty when there is a server.
    pub email_to: Vec<Mailbox>,
}

/// The address of somebody who is told. It may hold a secret in its path or query, so it is not
/// printed.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceiverUrl(Url);

impl ReceiverUrl {
    /// The whole address.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// What may be shown of it: scheme, host and port.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    fn is_exposed(&self) -> bool {
        self.0.scheme() == "http" && !is_loopback(&self.0)
    }
}

impl fmt::Debug for ReceiverUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReceiverUrl({}/…)", self.origin())
    }
}

/// A mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpServer {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub security: SmtpSecurity,
    /// User name and password, where it asks for them.
    pub login: Option<(String, Secret)>,
}

/// How a connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// From the first byte on.
    Tls,
    /// From STARTTLS on, without which nothing is said.
    StartTls,
    /// Not at all: the server is this machine.
    Plain,
}

pub(super) fn read(reader: &mut Reader) -> AlertsConfig {
    AlertsConfig {
        urls: reader.list_of("alerts.urls", receiver_url),
        secret: reader.secret("alerts.secret"),
        smtp: reader.optional("alerts.smtp_url", smtp_server),
        email_from: reader.optional("alerts.email_from", mailbox),
        email_to: reader.list_of("alerts.email_to", mailbox),
    }
}

fn receiver_url(text: &str) -> Result<ReceiverUrl, Unfit> {
    let unfit = |what: &str| Unfit::new(what, "write one such as \"https://example.com/alerts\"");
    let url = Url::parse(text).map_err(|error| unfit(&format!("is not a URL ({error})")))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(unfit("is neither an https nor an http URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unfit("holds a user name or password"));
    }
    if url.fragment().is_some() {
        return Err(unfit("has a fragment"));
    }
    Ok(ReceiverUrl(url))
}

fn smtp_server(text: &str) -> Result<SmtpServer, Unfit> {
    const REMEDY: &str = "write smtps://user:password@host:465, or smtp://user:password@host:587, \
                          with what is no letter or digit in the password written as %40";
    let unfit = |what: &str| Unfit::new(what, REMEDY);
    let url = Url::parse(text).map_err(|error| unfit(&format!("is not a URL ({error})")))?;
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| unfit("names no host"))?;
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let (security, port) = match url.scheme() {
        "smtps" => (SmtpSecurity::Tls, 465),
        "smtp" if is_loopback(&url) => (SmtpSecurity::Plain, 25),
        "smtp" => (SmtpSecurity::StartTls, 587),
        _ => return Err(unfit("is neither an smtps nor an smtp URL")),
    };
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(unfit("says more than user, password, host and port"));
    }
    let login = match (url.username(), url.password()) {
        ("", None) => None,
        (user, Some(password)) => Some((plain(user), Secret::new(plain(password)))),
        (_, None) => return Err(unfit("has a user name and no password")),
    };
    Ok(SmtpServer {
        host,
        port: url.port().unwrap_or(port),
        security,
        login,
    })
}

/// A part of a URL without its percent signs; unlike in a form, a plus sign is itself.
fn plain(part: &str) -> String {
    // What divides a form divides no password.
    let escaped = part
        .replace('+', "%2B")
        .replace('&', "%26")
        .replace('=', "%3D");
    let mut pairs = form_urlencoded::parse(escaped.as_bytes());
    let whole = pairs.next().map(|(name, _)| name.into_owned());
    whole.unwrap_or_default()
}

fn mailbox(text: &str) -> Result<Mailbox, Unfit> {
    text.parse().map_err(|_| {
        Unfit::new(
            "is not a mail address",
            "write one such as \"ada@example.com\" or \"Ada <ada@example.com>\"",
        )
    })
}

/// What has to go together, and what is probably not meant.
pub(super) fn check(config: &AlertsConfig, reader: &mut Reader, warnings: &mut Warnings) {
    let missing = |reader: &mut Reader, path: &str, needed_by: &str| {
        if reader.are_sound(&[path]) {
            let what = format!("is not set, and {needed_by} needs it");
            reader.problem(path, Unfit::new(what, "set it"));
        }
    };
    if !config.urls.is_empty() && config.secret.is_none() {
        let what = "is not set, and alerts.urls needs it: who is told could not tell us from \
                    a stranger";
        let remedy = "set it to a long random text, such as `openssl rand -hex 32` prints, and \
                      give the receivers the same";
        if reader.are_sound(&["alerts.secret", "alerts.secret_file"]) {
            reader.problem("alerts.secret", Unfit::new(what, remedy));
        }
    }
    if config.smtp.is_some() && config.email_from.is_none() {
        missing(reader, "alerts.email_from", "alerts.smtp_url");
    }
    if config.smtp.is_some() && config.email_to.is_empty() {
        missing(reader, "alerts.email_to", "alerts.smtp_url");
    }
    let is_mail_meant = config.email_from.is_some() || !config.email_to.is_empty();
    if is_mail_meant && config.smtp.is_none() && reader.are_sound(&["alerts.smtp_url_file"]) {
        missing(reader, "alerts.smtp_url", "alerts.email_to");
    }
    for (path, count) in [
        ("alerts.urls", config.urls.len()),
        ("alerts.email_to", config.email_to.len()),
    ] {
        if count > RECEIVERS_MAX {
            let what = format!("has {count} entries, more than {RECEIVERS_MAX}");
            let remedy = "tell one address that passes it on";
            reader.problem(path, Unfit::new(what, remedy));
        }
    }
    warn(config, reader, warnings);
}

fn warn(config: &AlertsConfig, reader: &Reader, warnings: &mut Warnings) {
    if config.urls.iter().any(ReceiverUrl::is_exposed) {
        let what = "holds a plain http URL: anybody on the way can read what is told";
        warnings.add(reader, "alerts.urls", what, "write it with https");
    }
    let secret = config.secret.as_ref();
    if secret.is_some_and(|it| it.expose().chars().count() < SECRET_CHARACTERS_MIN) {
        let what = "is shorter than 16 characters, so it could be guessed";
        let remedy = "use a long random text, such as `openssl rand -hex 32` prints";
        warnings.add(reader, "alerts.secret", what, remedy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_server_is_read_with_its_encryption() {
        let read = |text: &str| smtp_server(text).unwrap();
        let server = read("smtps://ada%40example.com:p%40ss+w&rd%3D@mail.example.com");
        assert_eq!((server.port, server.security), (465, SmtpSecurity::Tls));
        let (user, password) = server.login.unwrap();
        assert_eq!(
            (user.as_str(), password.expose()),
            ("ada@example.com", "p@ss+w&rd=")
        );
        let server = read("smtp://mail.example.com:2525");
        assert_eq!(
            (server.port, server.security),
            (2525, SmtpSecurity::StartTls)
        );
        assert_eq!(server.login, None);
        let server = read("smtp://127.0.0.1:1025");
        assert_eq!((server.port, server.security), (1025, SmtpSecurity::Plain));
        for wrong in [
            "mail.example.com",
            "https://a.b",
            "smtp://ada@a.b",
            "smtp://a.b/c",
        ] {
            assert!(smtp_server(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_receiver_is_not_printed_whole() {
        let url = receiver_url("https://example.com/T0/secret?token=1").unwrap();
        assert_eq!(format!("{url:?}"), "ReceiverUrl(https://example.com/…)");
        for wrong in ["ftp://a.b", "https://u:p@a.b", "https://a.b/#c", "a.b"] {
            assert!(receiver_url(wrong).is_err(), "{wrong}");
        }
    }
}
