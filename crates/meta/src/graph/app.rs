//! The app itself: its token, and its subscription to webhooks (contract 3.1).

use std::fmt;

use hookline_model::secret::Secret;
use serde::Deserialize;

use super::address::Address;
use super::call::{Call, CallFailure, Reply};
use super::endpoint::{GraphConfig, LoginKind, is_id};
use super::page::{Entry, Page};
use super::request::{RequestProblem, delete, get, post_form};
use crate::wire::{Flag, Text, lenient};

/// The only object Hookline subscribes to.
const OBJECT: &str = "instagram";

/// The app as it makes calls in its own name. Instagram Login has an id and a secret of its own
/// beside those of the Meta app (contract section 0), which is another value of this type.
#[derive(Clone, PartialEq, Eq)]
pub struct AppCredentials {
    /// The id of the app.
    pub id: String,
    /// Its secret.
    pub secret: Secret,
}

impl AppCredentials {
    /// The app's own token, `{id}|{secret}`: good for calls that are about the app.
    pub fn token(&self) -> Secret {
        Secret::new(format!("{}|{}", self.id, self.secret.expose()))
    }
}

impl fmt::Debug for AppCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AppCredentials({})", self.id)
    }
}

/// The app's subscription to the webhooks of Instagram, as Meta has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppSubscription {
    /// Where Meta delivers to.
    pub callback_url: Option<String>,
    /// Whether Meta delivers; true where Meta does not say.
    pub is_active: bool,
    /// What is delivered.
    pub fields: Vec<SubscribedField>,
}

/// One field of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribedField {
    /// Its name, such as `comments`.
    pub name: String,
    /// The version its events are written in, such as `v26.0`.
    pub version: Option<String>,
}

/// What the app is to be subscribed to.
#[derive(Debug, Clone, Copy)]
pub struct AppWish<'a> {
    /// Where Meta is to deliver to.
    pub callback_url: &'a str,
    /// What is to be delivered; an unknown name makes Meta refuse all of it, see
    /// [`refused_field`](super::refused_field).
    pub fields: &'a [&'a str],
    /// What Meta shows in the handshake that it makes before it answers.
    pub verify_token: &'a Secret,
}

/// Reads the app's subscription to Instagram; none when there is none. Authorized by
/// [`AppCredentials::token`]; a wrong secret is an error of class `Token`.
pub fn read_app_subscription(
    config: &GraphConfig,
    app: &AppCredentials,
) -> Result<Call<Option<AppSubscription>>, RequestProblem> {
    let request = get(subscriptions(config, app)?, &[]);
    Ok(Call::new(request, |reply| {
        let page: Page<Entry<WireSubscription<'_>>> = reply.decode()?;
        let mut entries = page.data.into_iter().filter_map(|entry| entry.0);
        let found = entries.find(|entry| entry.object.0 == OBJECT);
        Ok(found.map(WireSubscription::read))
    }))
}

/// Subscribes the app to Instagram, in place of what was subscribed before. Meta makes the
/// handshake first and refuses with code 2200 when the callback does not pass it. Authorized by
/// [`AppCredentials::token`].
pub fn subscribe_app(
    config: &GraphConfig,
    app: &AppCredentials,
    wish: &AppWish<'_>,
) -> Result<Call<()>, RequestProblem> {
    let form = [
        ("object", OBJECT),
        ("callback_url", wish.callback_url),
        ("fields", &wish.fields.join(",")),
        ("include_values", "true"),
    ];
    let request = post_form(subscriptions(config, app)?, &form)
        .with_secret("verify_token", wish.verify_token);
    Ok(Call::new(request, read_success))
}

/// Ends the app's subscription to Instagram: nothing is delivered for any account. Authorized by
/// [`AppCredentials::token`].
pub fn unsubscribe_app(
    config: &GraphConfig,
    app: &AppCredentials,
) -> Result<Call<()>, RequestProblem> {
    let request = delete(subscriptions(config, app)?, &[("object", OBJECT)]);
    Ok(Call::new(request, read_success))
}

fn subscriptions(config: &GraphConfig, app: &AppCredentials) -> Result<Address, RequestProblem> {
    if !is_id(&app.id) {
        return Err(RequestProblem::UnusableId("app"));
    }
    config.at(LoginKind::Facebook, [app.id.as_str(), "subscriptions"])
}

/// Reads `{"success":true}`, which Meta's pages print as a text in places (contract 3.1).
pub(super) fn read_success(reply: &Reply) -> Result<(), CallFailure> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(default)]
        success: Flag,
    }

    let wire: Wire = reply.decode()?;
    if wire.success.0 {
        Ok(())
    } else {
        Err(reply.unreadable())
    }
}

#[derive(Deserialize)]
struct WireSubscription<'a> {
    #[serde(borrow)]
    object: Text<'a>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    callback_url: Option<Text<'a>>,
    #[serde(default)]
    active: Option<Flag>,
    #[serde(default, deserialize_with = "lenient")]
    fields: Option<Vec<WireField>>,
}

/// A field with its version, or its bare name as older versions write it.
#[derive(Deserialize)]
#[serde(untagged)]
enum WireField {
    Named {
        name: String,
        #[serde(default)]
        version: Option<String>,
    },
    Bare(String),
}

impl WireSubscription<'_> {
    fn read(self) -> AppSubscription {
        let fields = self.fields.unwrap_or_default().into_iter();
        AppSubscription {
            callback_url: self.callback_url.map(Text::into_string),
            is_active: self.active.is_none_or(|active| active.0),
            fields: fields.map(WireField::read).collect(),
        }
    }
}

impl WireField {
    fn read(self) -> SubscribedField {
        match self {
            Self::Named { name, version } => SubscribedField { name, version },
            Self::Bare(name) => SubscribedField {
                name,
                version: None,
            },
        }
    }
}
