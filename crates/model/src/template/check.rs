//! Reading a source before Jinja does, to refuse what texts do not have and to see what they name.
//!
//! Jinja itself finds an unknown filter or variable only when it meets one while rendering, which
//! for a branch that is seldom taken means: in front of a customer.

mod tokens;

use tokens::{Token, TokenKind};

use super::filters::{self, FILTERS};
use super::problem::TemplateProblem;
use super::variables;

const OPERATORS: [&str; 12] = [
    "and", "or", "not", "in", "if", "else", "true", "false", "none", "True", "False", "None",
];

/// The variables a source names, if all it uses is known.
pub(super) fn check(source: &str) -> Result<Vec<&'static str>, TemplateProblem> {
    let mut used = Vec::new();
    for expression in tokens::expressions(source)? {
        check_expression(&expression, &mut used)?;
    }
    Ok(used)
}

fn check_expression(
    tokens: &[Token<'_>],
    used: &mut Vec<&'static str>,
) -> Result<(), TemplateProblem> {
    let mut rest = tokens.iter().peekable();
    let mut before: Option<&Token<'_>> = None;
    while let Some(token) = rest.next() {
        match token.kind {
            TokenKind::Word if before.is_some_and(|before| before.text == "|") => {
                check_filter(token)?;
            }
            TokenKind::Word if OPERATORS.contains(&token.text) => {}
            TokenKind::Word if token.text == "is" => {
                return Err(not_allowed(
                    token,
                    "write {% if name %}: what is not known is empty",
                ));
            }
            TokenKind::Word => {
                let mut name = token.text.to_owned();
                while rest.next_if(|next| next.text == ".").is_some() {
                    let field = rest.next().map_or("", |field| field.text);
                    name = format!("{name}.{field}");
                }
                if let Some(call) = rest.peek().filter(|next| next.text == "(") {
                    return Err(not_allowed(call, "nothing can be called here but a filter"));
                }
                used.push(variables::known(&name).ok_or_else(|| unknown(token, name))?);
            }
            TokenKind::Sign => check_sign(token, before)?,
            TokenKind::Text | TokenKind::Number => {}
        }
        before = Some(token);
    }
    Ok(())
}

fn check_filter(token: &Token<'_>) -> Result<(), TemplateProblem> {
    if FILTERS.contains(&token.text) {
        return Ok(());
    }
    Err(TemplateProblem::UnknownFilter {
        line: token.line,
        name: token.text.to_owned(),
        hint: filters::hint(token.text),
    })
}

fn check_sign(token: &Token<'_>, before: Option<&Token<'_>>) -> Result<(), TemplateProblem> {
    let follows_value = before.is_some_and(|before| match before.kind {
        TokenKind::Text | TokenKind::Number => true,
        TokenKind::Sign => before.text == ")",
        TokenKind::Word => false,
    });
    match token.text {
        "(" if follows_value => Err(not_allowed(
            token,
            "nothing can be called here but a filter",
        )),
        "." => Err(not_allowed(
            token,
            "only variables have fields, as in contact.username",
        )),
        _ => Ok(()),
    }
}

fn unknown(token: &Token<'_>, name: String) -> TemplateProblem {
    let hint = variables::hint(&name);
    TemplateProblem::UnknownVariable {
        line: token.line,
        name,
        hint,
    }
}

fn not_allowed(token: &Token<'_>, hint: &'static str) -> TemplateProblem {
    TemplateProblem::NotAllowed {
        line: token.line,
        what: token.text.to_owned(),
        hint,
    }
}
