//! What is sent: method, address, parameters, and the secrets among them.

use std::borrow::Cow;
use std::fmt;

use hookline_model::secret::Secret;
use serde::Serialize;

use super::address::Address;

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Has an effect.
    Post,
    /// Takes something away.
    Delete,
}

impl Method {
    /// The word of HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// The body of a request, without its secrets.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// None; secrets go into the query.
    Empty,
    /// JSON, for requests that carry somebody's words. Secrets go into the query.
    Json(String),
    /// A form, for requests that carry names and secrets.
    Form(Vec<(&'static str, String)>),
}

/// One request, without the token that authorizes it.
///
/// Secret parameters are kept apart from the address and the body, and put into them only by
/// [`Request::full_url`] and [`Request::full_body`], at the moment of sending.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The address; never holds a secret.
    pub url: Address,
    /// The body.
    pub body: Body,
    /// Parameters that nothing may print.
    pub secrets: Vec<(&'static str, Secret)>,
}

impl Request {
    /// The body, if it is JSON.
    pub fn json(&self) -> Option<&str> {
        match &self.body {
            Body::Json(json) => Some(json),
            Body::Empty | Body::Form(_) => None,
        }
    }

    /// The address to call, secret parameters included where they belong into the query. Must not
    /// be printed or kept.
    pub fn full_url(&self) -> Cow<'_, Address> {
        if self.secrets.is_empty() || matches!(self.body, Body::Form(_)) {
            return Cow::Borrowed(&self.url);
        }
        let secrets = self.secrets.iter();
        let secrets = secrets.map(|(name, secret)| (*name, secret.expose()));
        Cow::Owned(self.url.clone().with_query(secrets))
    }

    /// The type and the bytes of the body, secret parameters included where they belong into it.
    /// Must not be printed or kept.
    pub fn full_body(&self) -> Option<(&'static str, String)> {
        match &self.body {
            Body::Empty => None,
            Body::Json(json) => Some(("application/json", json.clone())),
            Body::Form(open) => {
                let secrets = self.secrets.iter();
                let form = form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(open)
                    .extend_pairs(secrets.map(|(name, secret)| (name, secret.expose())))
                    .finish();
                Some(("application/x-www-form-urlencoded", form))
            }
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.secrets.iter().map(|(name, _)| *name).collect();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &self.url.as_str())
            .field("body", &self.body)
            .field("secrets", &names)
            .finish()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Json(json) => write!(f, "Json({} bytes)", json.len()),
            Self::Form(form) => f.debug_tuple("Form").field(form).finish(),
        }
    }
}

/// Why a request could not be written; nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestProblem {
    /// The id would change the meaning of the path.
    #[error("the {0} id holds characters that no id of meta's has")]
    UnusableId(&'static str),
    /// The configured host is not an http or https address.
    #[error("the configured graph url is not an http address")]
    UnusableUrl,
    /// The token cannot stand in a header.
    #[error("the token holds characters that no header can carry")]
    UnusableToken,
}

/// A request that reads.
pub(super) fn get(url: Address, query: &[(&str, &str)]) -> Request {
    bare(
        Method::Get,
        url.with_query(query.iter().copied()),
        Body::Empty,
    )
}

/// A request that has an effect. There is no query: Meta acts first and only then refuses what it
/// does not like there (contract 6.2).
pub(super) fn post(url: Address, json: &impl Serialize) -> Request {
    // Texts and ids always serialise.
    let json = serde_json::to_string(json).unwrap_or_default();
    bare(Method::Post, url, Body::Json(json))
}

/// A request that has an effect, with parameters that are names and not somebody's words.
pub(super) fn post_form(url: Address, form: &[(&'static str, &str)]) -> Request {
    let form = form
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    bare(Method::Post, url, Body::Form(form.collect()))
}

/// A request that takes something away.
pub(super) fn delete(url: Address, query: &[(&str, &str)]) -> Request {
    bare(
        Method::Delete,
        url.with_query(query.iter().copied()),
        Body::Empty,
    )
}

fn bare(method: Method, url: Address, body: Body) -> Request {
    Request {
        method,
        url,
        body,
        secrets: Vec::new(),
    }
}

impl Request {
    /// The same request with a parameter that nothing may print.
    pub(super) fn with_secret(mut self, name: &'static str, secret: &Secret) -> Self {
        self.secrets.push((name, secret.clone()));
        self
    }
}
