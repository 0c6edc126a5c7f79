//! Where requests go.

use std::fmt;

use form_urlencoded::Serializer;
use url::{Position, Url};

use super::endpoint::is_id;
use super::request::RequestProblem;

/// An absolute http or https address.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    text: String,
    /// Where the path begins.
    path_at: usize,
}

impl Address {
    /// The address of a path on a configured host. One in which nothing has to be escaped is put
    /// together as it is: that is every address sends are made to.
    pub(super) fn new<'a, P>(host: &str, path: P) -> Result<Self, RequestProblem>
    where
        P: IntoIterator<Item = &'a str, IntoIter: Clone>,
    {
        let (plain, path) = (host.strip_suffix('/').unwrap_or(host), path.into_iter());
        let is_plain = |segment: &str| segment.split('.').all(is_id);
        match authority_end(plain) {
            Some(path_at) if path.clone().all(is_plain) => {
                let mut text = plain.to_owned();
                for segment in path {
                    text.push('/');
                    text.push_str(segment);
                }
                Ok(Self { text, path_at })
            }
            Some(_) | None => escaped(host, path).map(Self::from),
        }
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port: what a connection is opened to.
    pub fn origin(&self) -> &str {
        self.text.split_at(self.path_at).0
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        let path = self.path_and_query();
        path.split_once('?').map_or(path, |(path, _)| path)
    }

    /// What a request asks the host for.
    pub fn path_and_query(&self) -> &str {
        self.text.split_at(self.path_at).1
    }

    /// The parameters of the query.
    pub fn query_pairs(&self) -> form_urlencoded::Parse<'_> {
        let query = self.text.split_once('?').map_or("", |(_, query)| query);
        form_urlencoded::parse(query.as_bytes())
    }

    /// The same with more parameters.
    #[must_use]
    pub(super) fn with_query<'a>(
        self,
        query: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let Self { mut text, path_at } = self;
        let mut query = query.into_iter().peekable();
        if query.peek().is_none() {
            return Self { text, path_at };
        }
        text.push(if text.contains('?') { '&' } else { '?' });
        let begin = text.len();
        let text = Serializer::for_suffix(text, begin)
            .extend_pairs(query)
            .finish();
        Self { text, path_at }
    }
}

impl From<Url> for Address {
    fn from(url: Url) -> Self {
        Self {
            path_at: url[..Position::BeforePath].len(),
            text: url.into(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// The address of a path on a configured host, each part escaped as it must be.
pub(super) fn escaped<'a>(
    host: &str,
    path: impl IntoIterator<Item = &'a str>,
) -> Result<Url, RequestProblem> {
    let mut url = Url::parse(host).map_err(|_| RequestProblem::UnusableUrl)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(RequestProblem::UnusableUrl);
    }
    url.path_segments_mut()
        .map_err(|()| RequestProblem::UnusableUrl)?
        .pop_if_empty()
        .extend(path);
    Ok(url)
}

/// Where the path of a host begins that is written as every parser would write it; none for one
/// that has to be looked at more closely.
fn authority_end(host: &str) -> Option<usize> {
    let rest = host
        .strip_prefix("https://")
        .or_else(|| host.strip_prefix("http://"))?;
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, Some(path)),
        None => (rest, None),
    };
    let (name, port) = match authority.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (authority, None),
    };
    let is_name_byte =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(is_name_byte);
    let is_plain = name.split('.').all(is_label)
        && port.is_none_or(is_port)
        && path.is_none_or(|path| path.split('/').all(is_id));
    is_plain.then(|| host.len() - rest.len() + authority.len())
}

/// Whether a port is written plainly, and is none that its scheme implies.
fn is_port(port: &str) -> bool {
    let is_plain = !port.starts_with('0') && port.bytes().all(|byte| byte.is_ascii_digit());
    is_plain && !matches!(port, "80" | "443") && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: &str, path: &[&str]) -> Address {
        Address::new(host, path.iter().copied()).unwrap()
    }

    #[test]
    fn what_is_put_together_is_what_is_escaped_part_by_part() {
        for host in [
            "https://graph.facebook.com",
            "https://graph.facebook.com/",
            "http://127.0.0.1:9/ig/",
            "http://127.0.0.1:80",
            "https://graph.facebook.com:443/x",
            "https://GRAPH.facebook.com",
            "http://[::1]:9/a b/",
            "http://h:09",
            "http://user@h/",
            "http://bücher.example/ü",
            "http://h/?a=b",
            "http://h//x",
        ] {
            for path in [&["v26.0", "17841_5", "messages"][..], &["a b", "../c", "?"]] {
                let expected = escaped(host, path.iter().copied()).unwrap();
                let address = address(host, path);
                assert_eq!(address.as_str(), expected.as_str());
                assert_eq!(address.origin(), &expected[..Position::BeforePath]);
                assert_eq!(address.path(), expected.path());
                let end = &expected[Position::BeforePath..];
                assert_eq!(address.path_and_query(), end);
            }
        }
    }

    #[test]
    fn hosts_that_are_written_plainly_need_no_parser() {
        for host in [
            "https://graph.facebook.com",
            "http://127.0.0.1:4711",
            "http://meta.test/ig",
        ] {
            assert!(authority_end(host).is_some(), "{host}");
        }
        for host in [
            "",
            "http://",
            "http://h:",
            "http://h:99999",
            "http://a..b",
            "ftp://h",
        ] {
            assert!(authority_end(host).is_none(), "{host}");
        }
    }

    #[test]
    fn parameters_are_escaped_and_added_one_after_another() {
        let address = address("https://h.example", &["v1"]);
        assert_eq!(address.clone().with_query([]), address);
        let asked = address.with_query([("fields", "id,from{id}"), ("a", "b c")]);
        let asked = asked.with_query([("token", "x&y")]);
        let whole = "https://h.example/v1?fields=id%2Cfrom%7Bid%7D&a=b+c&token=x%26y";
        assert_eq!(asked.as_str(), whole);
        assert_eq!(asked.path(), "/v1");
        let read: Vec<_> = asked.query_pairs().into_owned().collect();
        assert_eq!(read.len(), 3);
        assert_eq!(read.last().unwrap().1, "x&y");
    }
}
