//! The text of a message, with what is known of the event filled in.
//!
//! - [`Template`]: a text that was found to be sound, and what it needs to know
//! - [`Facts`]: what is known
//! - [`TemplateProblem`], [`RenderError`]: why a text cannot be used, or not for this event
//!
//! The language is a small part of Jinja: `{{ variable|filter }}`, `{% if %}` with `elif` and
//! `else`, comparisons, `~` to join. Whatever else Jinja knows is refused when a document is read.

mod check;
mod facts;
mod filters;
mod problem;
mod variables;

use minijinja::{AutoEscape, Environment, ErrorKind};

pub use facts::{
    AccountFacts, CommentFacts, ContactFacts, Facts, MediaFacts, MessageFacts, ParentFacts,
    PostbackFacts, ReferralFacts,
};
pub use problem::{RenderError, TemplateProblem};
pub use variables::Needs;

use crate::limits::MESSAGE_TEXT_BYTES_MAX;

/// Longest source. Ten times what can be sent leaves room for conditions.
pub const SOURCE_BYTES_MAX: usize = 10 * MESSAGE_TEXT_BYTES_MAX;

/// What one rendering may cost: one instruction each, or 64 bytes touched. That is enough for any
/// honest text, and over within about a millisecond.
const FUEL: u64 = 10_000;

const NAME: &str = "text";

/// A text that was found to be sound.
#[derive(Debug, Clone)]
pub struct Template {
    environment: Environment<'static>,
    /// The variables it names, each once: no others are filled in.
    used: Vec<&'static str>,
}

impl Template {
    /// Takes the source of a text, unless it can never become a message: it is not of the
    /// language, names a variable or filter there is none of, is empty, or its fixed part alone
    /// is longer than a message (contract 5.2).
    pub fn parse(source: &str) -> Result<Self, TemplateProblem> {
        if source.len() > SOURCE_BYTES_MAX {
            return Err(TemplateProblem::SourceTooLong {
                bytes: source.len(),
            });
        }
        let mut used = check::check(source)?;
        used.sort_unstable();
        used.dedup();
        let mut environment = Environment::empty();
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        filters::add_to(&mut environment);
        environment
            .add_template_owned(NAME, source.to_owned())
            .map_err(|error| TemplateProblem::syntax(&error))?;
        let template = Self { environment, used };
        template.check_fixed_part(!template.used.is_empty())?;
        Ok(template)
    }

    /// What has to be read from Meta before the text can be rendered.
    pub fn needs(&self) -> Needs {
        Needs::of(&self.used)
    }

    /// The text of a message: trimmed, not empty, of at most [`MESSAGE_TEXT_BYTES_MAX`] bytes.
    ///
    /// What is not known is empty. Nothing of the facts is taken for a part of the language.
    pub fn render(&self, facts: &Facts) -> Result<String, RenderError> {
        let output = self.output(facts).map_err(|error| {
            if error.kind() == ErrorKind::OutOfFuel {
                RenderError::OutOfFuel
            } else {
                RenderError::Failed {
                    kind: error.kind().to_string(),
                }
            }
        })?;
        let text = output.trim();
        if text.len() > MESSAGE_TEXT_BYTES_MAX {
            return Err(RenderError::TooLong { bytes: text.len() });
        }
        // Most texts hold a plain letter, and need no closer look.
        let is_plain = text.bytes().any(|byte| byte.is_ascii_alphanumeric());
        if !is_plain && crate::matching::normalize(text, false).is_empty() {
            return Err(RenderError::Empty);
        }
        Ok(text.to_owned())
    }

    fn output(&self, facts: &Facts) -> Result<String, minijinja::Error> {
        self.environment
            .get_template(NAME)?
            .render(facts.to_value(&self.used))
    }

    fn check_fixed_part(&self, has_variables: bool) -> Result<(), TemplateProblem> {
        match self.render(&Facts::default()) {
            Ok(_) => Ok(()),
            Err(RenderError::Empty) if has_variables => Ok(()),
            Err(RenderError::Empty) => Err(TemplateProblem::Empty),
            Err(RenderError::TooLong { bytes }) => Err(TemplateProblem::FixedPartTooLong { bytes }),
            Err(RenderError::OutOfFuel) => Err(TemplateProblem::TooMuchWork),
            Err(RenderError::Failed { kind }) => Err(TemplateProblem::CannotRender { kind }),
        }
    }
}

#[cfg(test)]
mod tests;
