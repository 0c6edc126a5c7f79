//! Message texts: no source and no fact ends the process, outlasts its fuel, or makes a message
//! Meta would refuse.
//!
//! An input is a source, and behind a line `---` what every fact says.

#![no_main]

use std::sync::LazyLock;

use hookline_model::limits::MESSAGE_TEXT_BYTES_MAX;
use hookline_model::matching::normalize;
use hookline_model::template::{
    AccountFacts, CommentFacts, ContactFacts, Facts, MediaFacts, MessageFacts, ParentFacts,
    PostbackFacts, ReferralFacts, RenderError, Template,
};
use libfuzzer_sys::fuzz_target;

static ECHO: LazyLock<Template> =
    LazyLock::new(|| Template::parse("{{ comment.text }}").expect("it is a template"));

/// The same words wherever a text could look.
fn facts(words: &str) -> Facts {
    let words = || Some(words.to_owned());
    Facts {
        contact: ContactFacts {
            id: words(),
            username: words(),
        },
        comment: CommentFacts {
            id: words(),
            text: words(),
        },
        media: MediaFacts {
            id: words(),
            permalink: words(),
            caption: words(),
        },
        parent: ParentFacts {
            id: words(),
            text: words(),
            username: words(),
        },
        message: MessageFacts { text: words() },
        postback: PostbackFacts {
            title: words(),
            payload: words(),
        },
        referral: ReferralFacts {
            reference: words(),
            source: words(),
        },
        account: AccountFacts {
            id: words(),
            username: words(),
        },
        keyword: words(),
        automation: words(),
    }
}

fn can_be_sent(outcome: &Result<String, RenderError>) {
    match outcome {
        Ok(text) => {
            assert!(text.len() <= MESSAGE_TEXT_BYTES_MAX);
            assert_eq!(text.trim(), text);
            assert!(!normalize(text, false).is_empty());
        }
        Err(RenderError::TooLong { bytes }) => assert!(*bytes > MESSAGE_TEXT_BYTES_MAX),
        Err(RenderError::OutOfFuel | RenderError::Empty | RenderError::Failed { .. }) => {}
    }
}

fuzz_target!(|input: &[u8]| {
    let Ok(input) = std::str::from_utf8(input) else {
        return;
    };
    let (source, words) = input.split_once("\n---\n").unwrap_or((input, ""));
    let facts = facts(words);
    match Template::parse(source) {
        Ok(template) => {
            let rendered = template.render(&facts);
            can_be_sent(&rendered);
            assert_eq!(template.render(&facts), rendered);
            can_be_sent(&template.render(&Facts::default()));
        }
        Err(problem) => assert!(!problem.to_string().is_empty()),
    }
    // What a person wrote is never taken for a part of the language.
    if let Ok(echo) = ECHO.render(&facts) {
        assert_eq!(echo, words.trim());
    }
});
