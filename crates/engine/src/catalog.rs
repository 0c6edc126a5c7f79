//! The automations and accounts routing looks at, kept until either changes.

use std::collections::HashMap;
use std::sync::Arc;

use hookline_model::account::Account;
use hookline_model::automation::{Automation, MediaScope};
use hookline_model::ids::AccountId;
use hookline_model::matching::CompiledMatch;
use hookline_model::routing::Rule;
use hookline_store::planning::Generations;
use hookline_store::{PublishedAutomation, Store, StoreError};

/// Most accounts read at once.
const PAGE: u32 = 1000;

/// Every automation in use and every connected account, as of one moment.
#[derive(Debug, Default)]
pub struct Catalog {
    /// The automations, winner first.
    pub rules: Vec<Arc<Rule>>,
    /// The accounts.
    pub accounts: HashMap<AccountId, Account>,
    /// Whether an automation is for the next media, so that it matters when media were published.
    pub awaits_media: bool,
}

/// Hands out a catalog that is never older than the last change.
#[derive(Debug)]
pub struct Catalogs {
    store: Arc<Store>,
    current: Option<(Generations, Arc<Catalog>)>,
}

impl Catalogs {
    /// Reads from `store` when first asked.
    pub fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            current: None,
        }
    }

    /// The catalog as of now; costs two small reads when nothing changed.
    pub async fn current(&mut self) -> Result<Arc<Catalog>, StoreError> {
        let generations = self.store.generations().await?;
        self.of(generations).await
    }

    /// The catalog of these generations, or of newer ones.
    pub async fn of(&mut self, generations: Generations) -> Result<Arc<Catalog>, StoreError> {
        if let Some((known, catalog)) = &self.current
            && *known == generations
        {
            return Ok(Arc::clone(catalog));
        }
        let catalog = Arc::new(self.load().await?);
        self.current = Some((generations, Arc::clone(&catalog)));
        Ok(catalog)
    }

    async fn load(&self) -> Result<Catalog, StoreError> {
        let automations = self.store.all_automations().await?;
        let mut rules: Vec<Arc<Rule>> = automations
            .iter()
            .filter_map(compile)
            .map(Arc::new)
            .collect();
        rules.sort_by_key(|rule| rule.rank());
        let mut accounts = HashMap::new();
        let mut after = None;
        loop {
            let page = self.store.list_accounts(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            accounts.extend(
                page.into_iter()
                    .map(|account| (account.id.clone(), account)),
            );
        }
        let awaits_media = rules
            .iter()
            .any(|rule| rule.automation.trigger.media == MediaScope::Next);
        Ok(Catalog {
            rules,
            accounts,
            awaits_media,
        })
    }
}

/// A stored document that this version cannot read (written by a newer one, say) must not stop
/// the others: it is left out, loudly.
fn compile(published: &PublishedAutomation) -> Option<Rule> {
    let automation = match Automation::from_json(&published.document) {
        Ok(automation) => automation,
        Err(problems) => {
            tracing::error!(
                automation = published.name,
                ?problems,
                "cannot use an automation"
            );
            return None;
        }
    };
    let matcher = match CompiledMatch::compile(&automation.matching) {
        Ok(matcher) => matcher,
        Err(problem) => {
            tracing::error!(
                automation = published.name,
                ?problem,
                "cannot use an automation"
            );
            return None;
        }
    };
    Some(Rule {
        id: published.id,
        version: published.version,
        published_at: published.published_at,
        first_published_at: published.first_published_at,
        automation,
        matcher,
    })
}
