//! Subscribe: what Meta delivers is compared with what is wanted, and asked for where it differs
//! (contract section 3).
//!
//! The app has one subscription with a callback and fields; each account is then subscribed to the
//! app. Whatever is missing on either level means silence, not an error.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use hookline_meta::graph::{
    AppCredentials, AppSubscription, AppWish, CallFailure, GraphClient, Sender, refused_field,
};
use hookline_model::account::Login;
use hookline_model::secret::Secret;

/// The fields the app asks for (contract section 4). Names Meta does not know are left out.
pub const FIELDS: [&str; 9] = [
    "comments",
    "live_comments",
    "mentions",
    "messages",
    "message_reactions",
    "message_edit",
    "messaging_postbacks",
    "messaging_referral",
    "messaging_seen",
];

/// Beside those, once an account is connected with Facebook Login.
pub const FACEBOOK_FIELD: &str = "story_insights";

/// What a Page is subscribed to: one of its own fields is what it takes; the fields of Instagram
/// are those of the app (contract 3.2).
const PAGE_FIELDS: [&str; 1] = ["messages"];

/// What is needed to subscribe the app.
#[derive(Debug, Clone)]
pub struct AppWebhook {
    /// The app.
    pub app: AppCredentials,
    /// Where Meta is to deliver.
    pub callback_url: String,
    /// What the handshake asks for.
    pub verify_token: Secret,
}

/// What Meta has, against what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// There is no subscription at all.
    pub is_absent: bool,
    /// There is one, and Meta has switched it off.
    pub is_inactive: bool,
    /// Meta delivers to another address.
    pub other_callback: Option<String>,
    /// Fields that are wanted and not subscribed.
    pub missing: BTreeSet<String>,
}

impl Difference {
    /// Whether everything is as wanted.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it means that comments or messages do not come; of other fields an owner may have
    /// chosen fewer.
    pub fn is_silence(&self) -> bool {
        let lacks = |field| self.missing.contains(field);
        self.is_absent
            || self.is_inactive
            || self.other_callback.is_some()
            || lacks("comments")
            || lacks("messages")
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        if self.is_absent {
            words.push("there was no subscription".to_owned());
        }
        if self.is_inactive {
            words.push("the subscription was switched off".to_owned());
        }
        if let Some(other) = &self.other_callback {
            words.push(format!("Meta delivered to {other}"));
        }
        if !self.missing.is_empty() && !self.is_absent {
            let missing: Vec<&str> = self.missing.iter().map(String::as_str).collect();
            words.push(format!("fields were missing: {}", missing.join(", ")));
        }
        if words.is_empty() {
            words.push("everything was as wanted".to_owned());
        }
        f.write_str(&words.join("; "))
    }
}

/// What came of comparing, and of asking where that was wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// What differed.
    pub difference: Difference,
    /// Whether Meta was asked for what was missing, and agreed.
    pub is_repaired: bool,
    /// Fields Meta refuses; they are done without.
    pub refused: Vec<String>,
    /// Other apps that get the same events.
    pub other_apps: Vec<String>,
}

impl Standing {
    /// Whether Meta delivers as wanted now.
    pub fn is_good(&self) -> bool {
        self.is_repaired || self.difference.is_none()
    }
}

/// Compares and asks.
#[derive(Debug, Clone)]
pub struct Subscriber {
    graph: Arc<GraphClient>,
    app_id: Option<String>,
    webhook: Option<AppWebhook>,
}

impl Subscriber {
    /// One that asks through `graph` for the app of this id. Without `webhook` the app's own
    /// subscription is left to others.
    pub fn new(
        graph: Arc<GraphClient>,
        app_id: Option<String>,
        webhook: Option<AppWebhook>,
    ) -> Self {
        Self {
            graph,
            app_id,
            webhook,
        }
    }

    /// Whether there is enough configuration to look after the app's subscription.
    pub fn knows_the_app(&self) -> bool {
        self.webhook.is_some()
    }

    /// Compares the app's subscription, and repairs it if told to. `refused` are fields that need
    /// not be asked for again. None without the configuration for it.
    pub async fn app(
        &self,
        has_facebook: bool,
        refused: &[String],
        repairs: bool,
    ) -> Result<Option<Standing>, CallFailure> {
        let Some(webhook) = &self.webhook else {
            return Ok(None);
        };
        let mut fields = FIELDS.to_vec();
        if has_facebook {
            fields.push(FACEBOOK_FIELD);
        }
        fields.retain(|field| !refused.iter().any(|refused| refused == field));
        let actual = self.graph.read_app_subscription(&webhook.app).await?.value;
        let difference = compare_app(actual.as_ref(), &webhook.callback_url, &fields);
        if difference.is_none() || !repairs {
            return Ok(Some(standing(difference, false, refused)));
        }
        let now_refused = self.ask_for_app(webhook, &mut fields).await?;
        let refused: Vec<String> = refused.iter().cloned().chain(now_refused).collect();
        Ok(Some(standing(difference, true, &refused)))
    }

    async fn ask_for_app(
        &self,
        webhook: &AppWebhook,
        fields: &mut Vec<&'static str>,
    ) -> Result<Vec<String>, CallFailure> {
        let mut refused = Vec::new();
        loop {
            let wish = AppWish {
                callback_url: &webhook.callback_url,
                fields,
                verify_token: &webhook.verify_token,
            };
            match self.graph.subscribe_app(&webhook.app, &wish).await {
                Ok(_) => return Ok(refused),
                Err(failure) => refused.push(narrow(fields, failure)?),
            }
        }
    }

    /// Compares an account's subscription, and repairs it if told to; else as
    /// [`Subscriber::app`].
    pub async fn account(
        &self,
        sender: &Sender<'_>,
        refused: &[String],
        repairs: bool,
    ) -> Result<Standing, CallFailure> {
        let mut fields = match sender.login {
            Login::Instagram => FIELDS.to_vec(),
            Login::Facebook { .. } => PAGE_FIELDS.to_vec(),
        };
        fields.retain(|field| !refused.iter().any(|refused| refused == field));
        let apps = self.graph.read_subscribed_apps(sender).await?.value;
        // Without an id of ours, one app in the list is taken for it: few accounts have two.
        let ours = match &self.app_id {
            Some(id) => apps.find(id),
            None => apps.0.first(),
        };
        let difference = compare_account(ours.map(|app| app.fields.as_slice()), &fields);
        let mut found = standing(difference, false, refused);
        if let Some(id) = &self.app_id {
            let others = apps.others(id);
            found.other_apps = others
                .map(|app| app.name.clone().unwrap_or_else(|| app.id.clone()))
                .collect();
        }
        while repairs && !found.is_good() {
            match self.graph.subscribe_account(sender, &fields).await {
                Ok(_) => found.is_repaired = true,
                Err(failure) => found.refused.push(narrow(&mut fields, failure)?),
            }
        }
        Ok(found)
    }

    /// Ends an account's subscription; that there was none is as good.
    pub async fn leave(&self, sender: &Sender<'_>) -> Result<(), CallFailure> {
        self.graph.unsubscribe_account(sender).await.map(|_| ())
    }
}

fn standing(difference: Difference, is_repaired: bool, refused: &[String]) -> Standing {
    Standing {
        difference,
        is_repaired,
        refused: refused.to_vec(),
        other_apps: Vec::new(),
    }
}

/// Takes the field out that Meta does not know; any other failure is one. At least one field stays,
/// so asking ends after as many calls as there are fields.
fn narrow(fields: &mut Vec<&'static str>, failure: CallFailure) -> Result<String, CallFailure> {
    let refused = match &failure {
        CallFailure::Answered { error, .. } if fields.len() > 1 => refused_field(error, fields),
        CallFailure::Answered { .. }
        | CallFailure::NotWritten(_)
        | CallFailure::NotSent { .. }
        | CallFailure::Unknown { .. } => None,
    };
    let Some(refused) = refused else {
        return Err(failure);
    };
    fields.retain(|field| *field != refused);
    Ok(refused.to_owned())
}

fn compare_app(
    actual: Option<&AppSubscription>,
    callback_url: &str,
    wanted: &[&str],
) -> Difference {
    let Some(actual) = actual else {
        return Difference {
            is_absent: true,
            missing: named(wanted),
            ..Difference::default()
        };
    };
    let subscribed: BTreeSet<&str> = actual
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    let other_callback = actual
        .callback_url
        .clone()
        .filter(|address| address.trim_end_matches('/') != callback_url.trim_end_matches('/'));
    Difference {
        is_absent: false,
        is_inactive: !actual.is_active,
        other_callback,
        missing: missing(wanted, &subscribed),
    }
}

fn compare_account(actual: Option<&[String]>, wanted: &[&str]) -> Difference {
    let Some(actual) = actual else {
        return Difference {
            is_absent: true,
            missing: named(wanted),
            ..Difference::default()
        };
    };
    // Meta does not document the answer of graph.instagram.com (contract B 15): a list without
    // fields says that the app is there, and no more.
    if actual.is_empty() {
        return Difference::default();
    }
    let subscribed: BTreeSet<&str> = actual.iter().map(String::as_str).collect();
    Difference {
        missing: missing(wanted, &subscribed),
        ..Difference::default()
    }
}

fn missing(wanted: &[&str], subscribed: &BTreeSet<&str>) -> BTreeSet<String> {
    let missing = wanted.iter().filter(|field| !subscribed.contains(*field));
    missing.map(|field| (*field).to_owned()).collect()
}

fn named(fields: &[&str]) -> BTreeSet<String> {
    fields.iter().map(|field| (*field).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookline_meta::graph::SubscribedField;

    const CALLBACK: &str = "https://hooks.example.com/webhooks/instagram";

    fn subscription(fields: &[&str]) -> AppSubscription {
        AppSubscription {
            callback_url: Some(CALLBACK.to_owned()),
            is_active: true,
            fields: fields
                .iter()
                .map(|name| SubscribedField {
                    name: (*name).to_owned(),
                    version: None,
                })
                .collect(),
        }
    }

    #[test]
    fn what_is_as_wanted_is_no_difference() {
        let more: Vec<&str> = FIELDS.into_iter().chain(["story_insights"]).collect();
        for fields in [FIELDS.to_vec(), more] {
            let actual = subscription(&fields);
            assert!(compare_app(Some(&actual), CALLBACK, &FIELDS).is_none());
        }
        let slash = format!("{CALLBACK}/");
        assert!(compare_app(Some(&subscription(&FIELDS)), &slash, &FIELDS).is_none());
    }

    #[test]
    fn only_what_keeps_comments_or_messages_from_coming_is_silence() {
        let but = |left_out: &str| {
            let mut fields = FIELDS.to_vec();
            fields.retain(|field| *field != left_out);
            compare_app(Some(&subscription(&fields)), CALLBACK, &FIELDS)
        };
        assert!(but("comments").is_silence() && but("messages").is_silence());
        assert!(!but("messaging_seen").is_silence() && !but("messaging_seen").is_none());
        assert!(compare_app(None, CALLBACK, &FIELDS).is_silence());
        let other = compare_app(
            Some(&subscription(&FIELDS)),
            "https://b.example.com",
            &FIELDS,
        );
        assert!(other.is_silence());
    }

    #[test]
    fn each_difference_is_said() {
        let absent = compare_app(None, CALLBACK, &FIELDS);
        assert_eq!(absent.to_string(), "there was no subscription");
        let mut actual = subscription(&["comments"]);
        actual.is_active = false;
        actual.callback_url = Some("https://old.example.com/hook".to_owned());
        let difference = compare_app(Some(&actual), CALLBACK, &["comments", "messages"]);
        assert_eq!(
            difference.to_string(),
            "the subscription was switched off; Meta delivered to https://old.example.com/hook; \
             fields were missing: messages"
        );
        assert_eq!(
            Difference::default().to_string(),
            "everything was as wanted"
        );
    }

    #[test]
    fn an_account_in_the_list_without_fields_is_subscribed() {
        assert!(compare_account(Some(&[]), &FIELDS).is_none());
        assert!(compare_account(None, &FIELDS).is_absent);
        let some = ["comments".to_owned()];
        let difference = compare_account(Some(&some), &["comments", "messages"]);
        assert_eq!(difference.missing, ["messages".to_owned()].into());
    }
}
