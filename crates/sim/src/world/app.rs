//! The app's own subscription, and whether the app is live (contract 3.1, 3.3).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Refusal, World};
use crate::wire::FIELDS;

/// What the app is subscribed to.
#[derive(Debug, Clone, Serialize)]
pub struct AppSubscription {
    /// Where deliveries go; they wait while there is none.
    pub callback_url: Option<String>,
    /// The fields.
    pub fields: BTreeSet<String>,
    /// Whether Meta delivers; an inactive subscription is listed and silent.
    pub is_active: bool,
    /// Whether the app is live; one in development gets nothing from strangers.
    pub is_live: bool,
    /// Whether the subscription was taken away: what happens now is never delivered.
    pub is_dropped: bool,
}

/// What may be changed about the app; absent keys stay as they are.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppChange {
    /// Another callback, without a handshake.
    pub callback_url: Option<String>,
    /// Other fields.
    pub fields: Option<BTreeSet<String>>,
    /// Whether Meta delivers.
    pub is_active: Option<bool>,
    /// Live, or in development.
    pub is_live: Option<bool>,
    /// Whether the subscription is taken away; only a new one brings it back.
    pub is_dropped: bool,
}

impl AppSubscription {
    pub(crate) fn of_every_field() -> Self {
        Self {
            callback_url: None,
            fields: FIELDS.iter().map(|field| (*field).to_owned()).collect(),
            is_active: true,
            is_live: true,
            is_dropped: false,
        }
    }

    pub(crate) fn delivers(&self) -> bool {
        self.is_active && self.is_live && !self.is_dropped
    }

    /// Meta forgets the subscription.
    pub(crate) fn forget(&mut self) {
        self.callback_url = None;
        self.is_dropped = true;
    }

    /// A subscription takes the place of the former one.
    pub(crate) fn replace(&mut self, callback_url: String, fields: BTreeSet<String>) {
        self.callback_url = Some(callback_url);
        self.fields = fields;
        self.is_active = true;
        self.is_dropped = false;
    }
}

impl World {
    /// The app's subscription.
    pub fn app(&self) -> &AppSubscription {
        &self.app
    }

    /// Changes the app's subscription as somebody at the dashboard would, or Meta.
    pub fn change_app(&mut self, change: AppChange) -> Result<&AppSubscription, Refusal> {
        let unknown = change.fields.as_ref().and_then(|fields| {
            let mut names = fields.iter();
            names.find(|name| !FIELDS.contains(&name.as_str()))
        });
        if let Some(name) = unknown {
            return Err(Refusal::Invalid(format!("{name} is no field")));
        }
        if change.callback_url.is_some() {
            self.set_callback_url(change.callback_url);
        }
        if let Some(fields) = change.fields {
            self.app.fields = fields;
        }
        self.app.is_active = change.is_active.unwrap_or(self.app.is_active);
        self.app.is_live = change.is_live.unwrap_or(self.app.is_live);
        if change.is_dropped {
            self.app.forget();
        }
        Ok(&self.app)
    }
}
