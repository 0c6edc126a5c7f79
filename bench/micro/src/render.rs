//! Render: the text of a private reply.

use std::hint::black_box;

use anyhow::ensure;
use hookline_model::template::{CommentFacts, ContactFacts, Facts, Template};

use crate::Take;

/// A text as people write it.
const SOURCE: &str = "Hi {{ contact.username|default(\"there\") }}, you asked for \
    \"{{ keyword|lower }}\"{% if media.permalink %} below {{ media.permalink }}{% endif %}: \
    here it is. https://example.com/guide?from={{ automation|urlencode }}";

/// Of a text that was parsed before.
pub fn parsed() -> anyhow::Result<Take> {
    let template = Template::parse(SOURCE)?;
    let facts = facts();
    Ok(Box::new(move || rendered(&template, &facts)))
}

/// Of its source.
pub fn from_source() -> anyhow::Result<Take> {
    let facts = facts();
    Ok(Box::new(move || {
        rendered(&Template::parse(black_box(SOURCE))?, &facts)
    }))
}

fn rendered(template: &Template, facts: &Facts) -> anyhow::Result<()> {
    let text = template.render(black_box(facts))?;
    ensure!(text.starts_with("Hi guest.7, you asked"), "it says {text}");
    Ok(())
}

fn facts() -> Facts {
    Facts {
        contact: ContactFacts {
            id: Some("6100000000000007".to_owned()),
            username: Some("guest.7".to_owned()),
        },
        comment: CommentFacts {
            id: Some("17900000000000007".to_owned()),
            text: Some("LINK please, I tried this at home".to_owned()),
        },
        keyword: Some("link".to_owned()),
        automation: Some("link-on-comment".to_owned()),
        ..Facts::default()
    }
}
