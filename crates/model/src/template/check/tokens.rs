//! The tags of a source and the tokens inside them.

use crate::template::TemplateProblem;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TagKind {
    Expression,
    Statement,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'s> {
    pub(super) kind: TokenKind,
    pub(super) text: &'s str,
    /// Counted from 1.
    pub(super) line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Word,
    Number,
    Text,
    Sign,
}

/// Most words and signs in one tag. Jinja nests its tree once for each `~`, filter and `not`, and
/// walks the tree by calling itself: without this bound a long tag would overflow a thread's stack.
const TAG_TOKENS_MAX: usize = 200;

/// Most tags in one text, for the same reason: each `elif` nests once more.
const TAGS_MAX: usize = 200;

/// All signs texts have; the longer ones first, so that `<=` is not taken for `<`.
const SIGNS: [&str; 12] = [
    "==", "!=", "<=", ">=", "<", ">", "|", "(", ")", ",", ".", "~",
];

/// All statements texts have.
const STATEMENTS: [&str; 4] = ["if", "elif", "else", "endif"];

/// The expressions of a source in order: what is inside `{{ … }}`, and what follows the word a
/// `{% … %}` begins with.
///
/// Tags are found exactly where Jinja finds them: outside tags only the three opening pairs mean
/// something, and `raw`, which changes that, is not among the statements.
pub(super) fn expressions(source: &str) -> Result<Vec<Vec<Token<'_>>>, TemplateProblem> {
    let mut reader = Reader {
        rest: source,
        line: 1,
    };
    let mut expressions = Vec::new();
    while let Some(kind) = reader.next_tag()? {
        if kind == TagKind::Statement {
            reader.statement()?;
        }
        expressions.push(reader.tokens(kind)?);
        if expressions.len() > TAGS_MAX {
            return Err(reader.syntax(format!("a text has at most {TAGS_MAX} tags")));
        }
    }
    Ok(expressions)
}

struct Reader<'s> {
    rest: &'s str,
    line: usize,
}

impl<'s> Reader<'s> {
    fn take(&mut self, length: usize) -> &'s str {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .unwrap_or((self.rest, ""));
        self.line += taken.bytes().filter(|byte| *byte == b'\n').count();
        self.rest = rest;
        taken
    }

    /// Moves behind the opening of the next tag, over text and comments.
    fn next_tag(&mut self) -> Result<Option<TagKind>, TemplateProblem> {
        while let Some(brace) = self.rest.find('{') {
            self.take(brace);
            let kind = match self.rest.as_bytes().get(1) {
                Some(b'{') => TagKind::Expression,
                Some(b'%') => TagKind::Statement,
                Some(b'#') => {
                    let Some(end) = self.rest.get(2..).and_then(|inner| inner.find("#}")) else {
                        return Err(self.syntax("this comment has no end"));
                    };
                    self.take(2 + end + 2);
                    continue;
                }
                _ => {
                    self.take(1);
                    continue;
                }
            };
            self.take(2);
            if self.rest.starts_with(['-', '+']) {
                self.take(1);
            }
            return Ok(Some(kind));
        }
        Ok(None)
    }

    /// The word a statement begins with.
    fn statement(&mut self) -> Result<(), TemplateProblem> {
        self.skip_blank();
        let length = self
            .rest
            .bytes()
            .take_while(u8::is_ascii_alphanumeric)
            .count();
        let line = self.line;
        let word = self.take(length);
        if STATEMENTS.contains(&word) {
            return Ok(());
        }
        let hint = "the statements are if, elif, else and endif";
        Err(TemplateProblem::NotAllowed {
            line,
            what: word.to_owned(),
            hint,
        })
    }

    fn skip_blank(&mut self) {
        self.take(self.rest.len() - self.rest.trim_start().len());
    }

    /// The tokens up to the end of the tag, behind which it moves.
    fn tokens(&mut self, kind: TagKind) -> Result<Vec<Token<'s>>, TemplateProblem> {
        let close = match kind {
            TagKind::Expression => "}}",
            TagKind::Statement => "%}",
        };
        let mut tokens = Vec::new();
        loop {
            self.skip_blank();
            let rest = self.rest;
            if rest.is_empty() {
                return Err(self.syntax("this tag has no end"));
            }
            let unmarked = rest.strip_prefix(['-', '+']).unwrap_or(rest);
            if unmarked.starts_with(close) {
                self.take(rest.len() - unmarked.len() + close.len());
                return Ok(tokens);
            }
            if tokens.len() == TAG_TOKENS_MAX {
                let most = format!("a tag has at most {TAG_TOKENS_MAX} words and signs");
                return Err(self.syntax(most));
            }
            tokens.push(self.token()?);
        }
    }

    fn token(&mut self) -> Result<Token<'s>, TemplateProblem> {
        let line = self.line;
        let rest = self.rest;
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let run = rest.bytes().take_while(|byte| is_word(*byte)).count();
        let (kind, length) = match rest.bytes().next() {
            Some(b'0'..=b'9') if rest.bytes().take(run).all(|byte| byte.is_ascii_digit()) => {
                (TokenKind::Number, run)
            }
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => (TokenKind::Word, run),
            Some(quote @ (b'"' | b'\'')) => match text_length(rest, quote) {
                Some(length) => (TokenKind::Text, length),
                None => return Err(self.syntax("this quoted text has no end")),
            },
            _ => match SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
                Some(sign) => (TokenKind::Sign, sign.len()),
                None => return Err(self.not_allowed(run.max(1))),
            },
        };
        Ok(Token {
            kind,
            text: self.take(length),
            line,
        })
    }

    fn not_allowed(&self, length: usize) -> TemplateProblem {
        let what: String = self.rest.chars().take(length.min(20)).collect();
        let hint = "a text has variables, filters, comparisons and ~";
        TemplateProblem::NotAllowed {
            line: self.line,
            what,
            hint,
        }
    }

    fn syntax(&self, detail: impl Into<String>) -> TemplateProblem {
        TemplateProblem::Syntax {
            line: self.line,
            detail: detail.into(),
        }
    }
}

/// The length of a quoted text with its quotes.
fn text_length(rest: &str, quote: u8) -> Option<usize> {
    let mut is_escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        if is_escaped {
            is_escaped = false;
        } else if byte == b'\\' {
            is_escaped = true;
        } else if byte == quote {
            return Some(at + 1);
        }
    }
    None
}
