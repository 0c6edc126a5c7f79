//! The people on the other side, and the ids each account sees them under.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Refusal, World};
use crate::ids::IdKind;

/// A person to create.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewPerson {
    /// The username.
    pub username: String,
    /// The name on the profile; may be missing.
    pub name: Option<String>,
    /// The accounts the person follows, by id or username.
    pub follows: Vec<String>,
    /// Scoped ids to use instead of invented ones, by account id or username.
    pub igsids: BTreeMap<String, String>,
}

/// A person as the world knows them.
#[derive(Debug, Clone, Serialize)]
pub struct Person {
    /// The username.
    pub username: String,
    /// The name on the profile.
    pub name: Option<String>,
    /// The accounts the person follows.
    pub follows: BTreeSet<String>,
    /// The accounts the person has blocked.
    pub blocks: BTreeSet<String>,
    /// The id each account sees the person under.
    pub igsids: BTreeMap<String, String>,
}

/// Whose a scoped id is, and for which account.
#[derive(Debug, Clone)]
pub(crate) struct Scoped {
    pub(crate) account: String,
    pub(crate) person: String,
}

impl World {
    /// Creates a person; scoped ids are drawn when an account first meets them.
    pub fn create_person(&mut self, new: NewPerson) -> Result<Person, Refusal> {
        if new.username.is_empty() {
            return Err(Refusal::Invalid("a person needs a username".to_owned()));
        }
        if self.people.contains_key(&new.username) {
            return Err(Refusal::Taken(new.username));
        }
        if self.people.len() >= self.config.limits.objects_max {
            return Err(Refusal::Full("people"));
        }
        let mut follows = BTreeSet::new();
        for account in &new.follows {
            follows.insert(self.find_account(account)?.ig_id.clone());
        }
        let mut igsids = BTreeMap::new();
        for (account, scoped_id) in new.igsids {
            let ig_id = self.find_account(&account)?.ig_id.clone();
            if self.scoped.contains_key(&scoped_id) {
                return Err(Refusal::Taken(scoped_id));
            }
            let person = new.username.clone();
            self.scoped.insert(
                scoped_id.clone(),
                Scoped {
                    account: ig_id.clone(),
                    person,
                },
            );
            igsids.insert(ig_id, scoped_id);
        }
        let person = Person {
            username: new.username.clone(),
            name: new.name,
            follows,
            blocks: BTreeSet::new(),
            igsids,
        };
        self.people.insert(new.username, person.clone());
        Ok(person)
    }

    /// The person with this username.
    pub fn find_person(&self, username: &str) -> Result<&Person, Refusal> {
        self.people
            .get(username)
            .ok_or_else(|| Refusal::UnknownPerson(username.to_owned()))
    }

    /// Makes a person follow or unfollow an account.
    pub fn set_follows(
        &mut self,
        person: &str,
        account: &str,
        follows: bool,
    ) -> Result<(), Refusal> {
        let ig_id = self.find_account(account)?.ig_id.clone();
        let person = self
            .people
            .get_mut(person)
            .ok_or_else(|| Refusal::UnknownPerson(person.to_owned()))?;
        if follows {
            person.follows.insert(ig_id);
        } else {
            person.follows.remove(&ig_id);
        }
        Ok(())
    }

    /// Makes a person block or unblock an account; sends to them are refused with 551.
    pub fn set_blocks(&mut self, person: &str, account: &str, blocks: bool) -> Result<(), Refusal> {
        let ig_id = self.find_account(account)?.ig_id.clone();
        let person = self
            .people
            .get_mut(person)
            .ok_or_else(|| Refusal::UnknownPerson(person.to_owned()))?;
        if blocks {
            person.blocks.insert(ig_id);
        } else {
            person.blocks.remove(&ig_id);
        }
        Ok(())
    }

    /// The id an account sees a person under; an unknown username becomes a person.
    pub fn igsid(&mut self, account: &str, person: &str) -> Result<String, Refusal> {
        let ig_id = self.find_account(account)?.ig_id.clone();
        if !self.people.contains_key(person) {
            self.create_person(NewPerson {
                username: person.to_owned(),
                ..NewPerson::default()
            })?;
        }
        if let Some(scoped_id) = self
            .people
            .get(person)
            .and_then(|known| known.igsids.get(&ig_id))
        {
            return Ok(scoped_id.clone());
        }
        let mut scoped_id = self.ids.draw(IdKind::Scoped);
        while self.scoped.contains_key(&scoped_id) {
            scoped_id = self.ids.draw(IdKind::Scoped);
        }
        self.scoped.insert(
            scoped_id.clone(),
            Scoped {
                account: ig_id.clone(),
                person: person.to_owned(),
            },
        );
        if let Some(known) = self.people.get_mut(person) {
            known.igsids.insert(ig_id, scoped_id.clone());
        }
        Ok(scoped_id)
    }
}
