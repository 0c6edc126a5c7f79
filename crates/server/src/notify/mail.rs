//! A notice as mail.

use std::fmt::Write as _;
use std::time::Duration;

use hookline_model::alert::{Notice, NoticeEvent};
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use super::name_of;
use crate::config::{SmtpSecurity, SmtpServer};

/// How long the server may take for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How long one message may take, connection included.
const MAIL_MAX: Duration = Duration::from_secs(30);

/// Somebody who is told by mail.
pub(super) struct Mail {
    pub(super) name: String,
    to: Mailbox,
}

impl Mail {
    pub(super) fn new(to: &Mailbox) -> Self {
        Self {
            name: name_of("email", to.email.as_ref()),
            to: to.clone(),
        }
    }
}

/// Writes and sends mail.
pub(super) struct Mailer {
    host: String,
    from: Mailbox,
    transport: AsyncSmtpTransport<Tokio1Executor>,
}

impl Mailer {
    pub(super) fn new(
        server: &SmtpServer,
        from: &Mailbox,
    ) -> Result<Self, lettre::transport::smtp::Error> {
        let parameters = || TlsParameters::new(server.host.clone());
        let tls = match server.security {
            SmtpSecurity::Tls => Tls::Wrapper(parameters()?),
            SmtpSecurity::StartTls => Tls::Required(parameters()?),
            SmtpSecurity::Plain => Tls::None,
        };
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.host.as_str())
                .port(server.port)
                .tls(tls)
                .timeout(Some(ANSWER_MAX));
        if let Some((user, password)) = &server.login {
            let login = Credentials::new(user.clone(), password.expose().to_owned());
            builder = builder.credentials(login);
        }
        Ok(Self {
            host: server.host.clone(),
            from: from.clone(),
            transport: builder.build(),
        })
    }

    pub(super) async fn send(&self, mail: &Mail, notice: &Notice) -> Result<(), String> {
        let message = self.message(mail, notice);
        let message = message.map_err(|error| format!("the mail cannot be written: {error}"))?;
        match tokio::time::timeout(MAIL_MAX, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(format!("{}: {}", self.host, why(&error))),
            Err(_) => Err(format!("{} did not take the mail in time", self.host)),
        }
    }

    /// The id of the message is that of the notice, so that one that is sent again is the same.
    fn message(&self, mail: &Mail, notice: &Notice) -> Result<Message, lettre::error::Error> {
        let domain = self.from.email.domain();
        let created = notice.alert.since.as_millis();
        Message::builder()
            .from(self.from.clone())
            .to(mail.to.clone())
            .message_id(Some(format!("<{}.{created}@{domain}>", notice.id)))
            .subject(subject(notice))
            .header(ContentType::TEXT_PLAIN)
            .body(body(notice))
    }
}

/// What the server said, by its code: its words may hold addresses.
fn why(error: &lettre::transport::smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("it answered {code}"),
        None if error.is_timeout() => "it did not answer in time".to_owned(),
        None if error.is_tls() => "no encrypted connection could be made".to_owned(),
        None => "it could not be reached, or does not speak SMTP".to_owned(),
    }
}

fn subject(notice: &Notice) -> String {
    let alert = &notice.alert;
    let account = alert
        .account
        .as_ref()
        .map_or_else(String::new, |account| format!(" ({account})"));
    let word = match notice.event {
        NoticeEvent::Raised | NoticeEvent::Renewed => alert.severity.as_str(),
        NoticeEvent::Resolved => "resolved",
    };
    format!("[Hookline] {word}: {}{account}", alert.title)
}

fn body(notice: &Notice) -> String {
    let alert = &notice.alert;
    let mut text = format!("{}.\n\n", alert.title);
    // Writing to a String cannot fail.
    let _ = match notice.event {
        NoticeEvent::Raised | NoticeEvent::Renewed => write!(
            text,
            "What is known: {}\n\nWhat to do: {}\n\n",
            alert.detail, alert.what_to_do
        ),
        NoticeEvent::Resolved => write!(text, "This is over. What was known: {}\n\n", alert.detail),
    };
    if let Some(account) = &alert.account {
        let _ = writeln!(text, "Account:  {account} ({})", account.id);
    }
    let _ = writeln!(text, "Since:    {}", alert.since);
    if let Some(at) = alert.resolved_at {
        let _ = writeln!(text, "Resolved: {at}");
    }
    let _ = writeln!(text, "Code:     {}", alert.code.as_str());
    let _ = writeln!(text, "Notice:   {}", notice.id);
    text
}
