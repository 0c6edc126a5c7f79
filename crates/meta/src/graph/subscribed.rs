//! Which apps get an account's events (contract 3.2), and which field Meta would not have.

use serde::Deserialize;

use super::app::read_success;
use super::call::Call;
use super::endpoint::{GraphConfig, Sender};
use super::error::GraphError;
use super::page::Page;
use super::request::{RequestProblem, delete, get, post_form};
use crate::wire::{Id, Text, lenient};

const EDGE: &str = "subscribed_apps";

/// The apps that get an account's events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubscribedApps(pub Vec<SubscribedApp>);

/// One app that gets an account's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribedApp {
    /// The app.
    pub id: String,
    /// Its name, for people.
    pub name: Option<String>,
    /// The fields the account is subscribed to. Once there is one, the app gets every field the
    /// app itself is subscribed to (contract 3.3).
    pub fields: Vec<String>,
}

impl SubscribedApps {
    /// The app with this id, if the account is subscribed to it.
    pub fn find(&self, app_id: &str) -> Option<&SubscribedApp> {
        self.0.iter().find(|app| app.id == app_id)
    }

    /// The apps beside the one with this id.
    pub fn others(&self, app_id: &str) -> impl Iterator<Item = &SubscribedApp> {
        self.0.iter().filter(move |app| app.id != app_id)
    }
}

/// Reads which apps get the account's events: from the account with Instagram Login, from the Page
/// with Facebook Login. Which apps but the caller's own Meta lists is not documented.
pub fn read_subscribed_apps(
    config: &GraphConfig,
    sender: &Sender<'_>,
) -> Result<Call<SubscribedApps>, RequestProblem> {
    let request = get(config.messaging_edge(sender, EDGE)?, &[]);
    Ok(Call::new(request, |reply| {
        let page: Page<WireApp<'_>> = reply.decode()?;
        let apps = page.data.into_iter().map(|app| SubscribedApp {
            id: app.id.into_string(),
            name: app.name.map(Text::into_string),
            fields: app.subscribed_fields.unwrap_or_default(),
        });
        Ok(SubscribedApps(apps.collect()))
    }))
}

/// Subscribes the account to the app behind its token. An unknown name makes Meta refuse all of
/// `fields`, and a Page takes names of Page fields only (contract 3.2): see [`refused_field`].
pub fn subscribe_account(
    config: &GraphConfig,
    sender: &Sender<'_>,
    fields: &[&str],
) -> Result<Call<()>, RequestProblem> {
    let form = [("subscribed_fields", fields.join(","))];
    let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
    let request = post_form(config.messaging_edge(sender, EDGE)?, &form);
    Ok(Call::new(request, read_success))
}

/// Stops every event of the account for the app behind its token.
pub fn unsubscribe_account(
    config: &GraphConfig,
    sender: &Sender<'_>,
) -> Result<Call<()>, RequestProblem> {
    let request = delete(config.messaging_edge(sender, EDGE)?, &[]);
    Ok(Call::new(request, read_success))
}

/// Which of the `sent` fields Meta refused, when that is what the error of a refused subscription
/// says: `Param subscribed_fields[2] must be one of {…}` (contract 3.2). Whoever leaves that one
/// out and asks again gets an answer after at most as many calls as there are fields.
pub fn refused_field<'a>(error: &GraphError, sent: &[&'a str]) -> Option<&'a str> {
    const INVALID_PARAMETER: i64 = 100;
    if error.code != Some(INVALID_PARAMETER) {
        return None;
    }
    // The words around it may be in any language; the parameter is not.
    let (_, after) = error.message.as_deref()?.split_once("fields[")?;
    let (position, _) = after.split_once(']')?;
    sent.get(position.parse::<usize>().ok()?).copied()
}

#[derive(Deserialize)]
struct WireApp<'a> {
    #[serde(borrow)]
    id: Id<'a>,
    #[serde(borrow, default, deserialize_with = "lenient")]
    name: Option<Text<'a>>,
    #[serde(default, deserialize_with = "lenient")]
    subscribed_fields: Option<Vec<String>>,
}
