//! What holds between keys, and what works but was probably not meant.

use hookline_model::limits::DELIVERY_BODY_BYTES_MAX;
use hookline_model::secret::Secret;

use super::problem::Finding;
use super::reader::Reader;
use super::source::Purpose;
use super::value::{BaseUrl, Unfit};
use super::{Config, alerts};

/// What Meta allows an account in an hour (contract 9).
const PRIVATE_REPLIES_PER_HOUR: u32 = 750;

/// A shorter token can be guessed at the rate an API answers.
const TOKEN_CHARACTERS_MIN: usize = 16;

/// Checks a configuration as a whole: problems go to the reader, warnings are returned.
pub(super) fn check(config: &Config, purpose: Purpose, reader: &mut Reader) -> Vec<Finding> {
    let mut warnings = Warnings(Vec::new());
    check_server(config, reader, &mut warnings);
    check_sending(config, reader, &mut warnings);
    check_keys(config, reader);
    check_urls(config, reader, &mut warnings);
    check_subscription(config, reader);
    check_instagram_app(config, reader, &mut warnings);
    alerts::check(&config.alerts, reader, &mut warnings);
    if purpose == Purpose::Serve {
        check_serve(config, reader, &mut warnings);
    }
    warnings.0
}

pub(super) struct Warnings(Vec<Finding>);

impl Warnings {
    pub(super) fn add(&mut self, reader: &Reader, path: &str, what: &str, remedy: &str) {
        self.0
            .push(Finding::new(path, reader.origin(path), what, remedy));
    }
}

fn check_server(config: &Config, reader: &mut Reader, warnings: &mut Warnings) {
    let server = &config.server;
    if reader.are_sound(&["server.header_timeout", "server.body_timeout"])
        && server.header_timeout > server.body_timeout
    {
        let what = "is longer than server.body_timeout, although a header is smaller than a body";
        let remedy = "make it at most server.body_timeout";
        reader.problem("server.header_timeout", Unfit::new(what, remedy));
    }
    if reader.are_sound(&["server.body_timeout", "server.idle_timeout"])
        && server.body_timeout >= server.idle_timeout
    {
        let what = "is not shorter than server.idle_timeout, so a slow body would outlive a \
                    connection that is merely unused";
        let remedy = "make it shorter than server.idle_timeout";
        reader.problem("server.body_timeout", Unfit::new(what, remedy));
    }
    if reader.are_sound(&["server.body_limit"]) && server.body_limit < DELIVERY_BODY_BYTES_MAX {
        let what = "is below 4MiB; a delivery over the limit is refused and, in the end, lost";
        warnings.add(reader, "server.body_limit", what, "raise it to 4MiB");
    }
}

fn check_sending(config: &Config, reader: &mut Reader, warnings: &mut Warnings) {
    let sending = &config.sending;
    let (burst, hourly) = (
        "sending.private_reply_burst",
        "sending.private_replies_per_hour",
    );
    if reader.are_sound(&[burst, hourly])
        && sending.private_reply_burst > sending.private_replies_per_hour
    {
        let what = "is more than sending.private_replies_per_hour";
        reader.problem(burst, Unfit::new(what, "make it at most that many"));
    }
    if reader.are_sound(&[hourly]) && sending.private_replies_per_hour > PRIVATE_REPLIES_PER_HOUR {
        let what = "is more than the 750 that Meta allows an account, which may block it";
        warnings.add(reader, hourly, what, "lower it to 750");
    }
}

fn check_keys(config: &Config, reader: &mut Reader) {
    let keys = &config.encryption.keys;
    let is_repeated = keys
        .iter()
        .enumerate()
        .any(|(index, key)| keys.iter().skip(index + 1).any(|other| key == other));
    if is_repeated {
        let unfit = Unfit::new("holds one key twice", "remove one of the two");
        reader.problem("encryption.keys", unfit);
    }
}

fn check_urls(config: &Config, reader: &mut Reader, warnings: &mut Warnings) {
    let meta = &config.meta;
    let calls: [(&str, &BaseUrl); 5] = [
        ("meta.graph_url", &meta.graph_url),
        ("meta.instagram_graph_url", &meta.instagram_graph_url),
        ("meta.facebook_oauth_url", &meta.facebook_oauth_url),
        ("meta.instagram_oauth_url", &meta.instagram_oauth_url),
        ("meta.instagram_token_url", &meta.instagram_token_url),
    ];
    for (path, url) in calls {
        if !url.is_https() && !url.is_loopback() {
            let what = "is plain http: access tokens would cross the network unencrypted";
            warnings.add(reader, path, what, "write it with https");
        }
    }
    if let Some(url) = &config.server.public_url
        && !url.is_https()
        && !url.is_loopback()
    {
        let what = "is plain http, and Meta calls nothing but https";
        let remedy = "write the https address of the proxy in front";
        warnings.add(reader, "server.public_url", what, remedy);
    }
}

fn check_subscription(config: &Config, reader: &mut Reader) {
    if !config.meta.manage_subscription {
        return;
    }
    let needed = [
        ("meta.app_id", config.meta.app_id.is_none()),
        ("meta.verify_token", config.meta.verify_token.is_none()),
        ("server.public_url", config.server.public_url.is_none()),
    ];
    for (path, is_missing) in needed {
        if is_missing && reader.are_sound(&[path]) {
            let unfit = Unfit::new(
                "is not set, and meta.manage_subscription needs it",
                "set it",
            );
            reader.problem(path, unfit);
        }
    }
}

fn check_instagram_app(config: &Config, reader: &mut Reader, warnings: &mut Warnings) {
    let meta = &config.meta;
    let (id, secret) = ("meta.instagram_app_id", "meta.instagram_app_secret");
    let is_set = (
        meta.instagram_app_id.is_some(),
        meta.instagram_app_secret.is_some(),
    );
    if is_set == (true, false) && reader.are_sound(&[id, secret]) {
        let what = "is not set, and meta.instagram_app_id needs it";
        reader.problem(secret, Unfit::new(what, "set both, or neither"));
    }
    if is_set == (false, true) && reader.are_sound(&[id]) {
        let what = "is set without meta.instagram_app_id, so it is not used";
        warnings.add(reader, secret, what, "set both, or neither");
    }
}

fn check_serve(config: &Config, reader: &mut Reader, warnings: &mut Warnings) {
    let meta = &config.meta;
    if meta.app_secrets.is_empty()
        && reader.are_sound(&["meta.app_secrets", "meta.app_secrets_file"])
    {
        let what = "is not set, so no delivery could be told from a forgery";
        let remedy = "copy the app secret from App settings, Basic, into HOOKLINE_META__APP_SECRETS \
                      or a file named by meta.app_secrets_file";
        reader.problem("meta.app_secrets", Unfit::new(what, remedy));
    }
    if !meta.app_secrets.iter().all(looks_like_an_app_secret) {
        let what = "holds an entry that is not 32 lower-case hex digits, as Meta's app secrets are";
        let remedy = "compare it with App settings, Basic; deliveries signed otherwise are refused";
        warnings.add(reader, "meta.app_secrets", what, remedy);
    }
    if meta.verify_token.is_none()
        && reader.are_sound(&["meta.verify_token", "meta.verify_token_file"])
    {
        let what = "is not set, so Meta's handshake is answered 403 and no webhook can be set up";
        let remedy = "set it to the word you type into Meta's webhook form";
        warnings.add(reader, "meta.verify_token", what, remedy);
    }
    if config.server.is_receive_only {
        let what = "is set: what arrives is kept, and nothing is interpreted or sent";
        let remedy = "take it out and start again to work through what was kept";
        warnings.add(reader, "server.receive_only", what, remedy);
    }
    match &config.admin.token {
        None => {
            let what = "is not set, so the REST API and the dashboard are closed";
            let remedy = "set it to a long random text, such as `openssl rand -hex 32` prints";
            warnings.add(reader, "admin.token", what, remedy);
        }
        Some(token) if token.expose().chars().count() < TOKEN_CHARACTERS_MIN => {
            let what = "is shorter than 16 characters, so it could be guessed";
            let remedy = "use a long random text, such as `openssl rand -hex 32` prints";
            warnings.add(reader, "admin.token", what, remedy);
        }
        Some(_) => {}
    }
}

fn looks_like_an_app_secret(secret: &Secret) -> bool {
    secret.expose().len() == 32
        && secret
            .expose()
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
