//! The texts of messages, parsed once for all the sends of an automation.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hookline_model::template::Template;

/// Texts kept at most: those of all automations of a busy hour. When there are more, all are
/// parsed anew.
const KEPT_MAX: usize = 256;

/// Parsed texts by their source; none for a source that is no text.
#[derive(Default)]
pub(super) struct Texts(Mutex<HashMap<String, Option<Arc<Template>>>>);

impl Texts {
    /// The text of this source, if it is sound.
    pub(super) fn parsed(&self, source: &str) -> Option<Arc<Template>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.get(source) {
            return known.clone();
        }
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        let text = Template::parse(source).ok().map(Arc::new);
        kept.insert(source.to_owned(), text.clone());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_parsed_once_and_so_is_one_that_is_not_sound() {
        let texts = Texts::default();
        let (first, again) = (texts.parsed("Hi"), texts.parsed("Hi"));
        assert!(Arc::ptr_eq(&first.unwrap(), &again.unwrap()));
        assert!(texts.parsed("{{ nothing.of.this }}").is_none());
        assert!(texts.parsed("{{ nothing.of.this }}").is_none());
    }

    #[test]
    fn no_more_than_so_many_are_kept() {
        let texts = Texts::default();
        for number in 0..3 * KEPT_MAX {
            assert!(texts.parsed(&format!("number {number}")).is_some());
        }
        assert!(texts.0.into_inner().unwrap().len() <= KEPT_MAX);
    }
}
