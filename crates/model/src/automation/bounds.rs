//! How large a document may be. Each bound keeps the work of one event, and the screen of the
//! person who wrote the document, within reason.

/// Longest name; it is shown in lists, log fields and URLs.
pub const NAME_CHARS_MAX: usize = 64;

/// Most accounts named one by one; more want `"*"` or a second automation.
pub const ACCOUNTS_MAX: usize = 500;

/// Most media named one by one.
pub const MEDIA_MAX: usize = 500;

/// Most keywords in each of `match.any` and `match.none`; every one is compared with every text.
pub const KEYWORDS_MAX: usize = 500;

/// Longest keyword, in characters; comments are short, so a longer one is a pasted mistake.
pub const KEYWORD_CHARS_MAX: usize = 200;

/// Most patterns; each is looked for by itself, and each may take [`PATTERN_COMPILED_BYTES_MAX`].
pub const PATTERNS_MAX: usize = 50;

/// Longest pattern, in bytes; compiling costs more than proportionally.
pub const PATTERN_BYTES_MAX: usize = 1000;

/// Largest compiled pattern, in bytes; a short pattern such as `\w{500}` can compile to megabytes,
/// and every worker holds all of them.
pub const PATTERN_COMPILED_BYTES_MAX: usize = 256 * 1024;

/// Most steps; one event shall not become a barrage.
pub const STEPS_MAX: usize = 10;

/// Most texts a public reply chooses from.
pub const TEXTS_MAX: usize = 20;
