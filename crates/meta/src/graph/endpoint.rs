//! Where calls go: hosts, nodes and paths (contract section 0, 5.1, 5.8).

use std::fmt;

use hookline_model::account::Login;
use hookline_model::ids::AccountId;
use hookline_model::secret::Secret;
use reqwest::Url;

/// Meta's hosts and the version spoken to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphConfig {
    /// The host of Facebook Login, such as `https://graph.facebook.com`.
    pub graph_url: String,
    /// The host of Instagram Login, such as `https://graph.instagram.com`.
    pub instagram_graph_url: String,
    /// The version in every path, such as `v26.0`; empty leaves it out.
    pub api_version: String,
}

/// On whose behalf a call is made.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// The account.
    pub account: &'a AccountId,
    /// How it was connected, which decides host and node.
    pub login: &'a Login,
    /// Its token; travels in the `Authorization` header only.
    pub token: &'a Secret,
}

impl Sender<'_> {
    /// The node that sends and lists conversations: the Page with Facebook Login, where the
    /// account's own node refuses (contract 5.8), else the account.
    fn messaging_node(&self) -> &str {
        match self.login {
            Login::Instagram => self.account.as_str(),
            Login::Facebook { page_id } => page_id.as_str(),
        }
    }

    /// The ids under which Meta may count this sender's usage (contract section 9).
    pub fn usage_keys(&self) -> [&str; 2] {
        [self.account.as_str(), self.messaging_node()]
    }
}

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Has an effect.
    Post,
}

/// One request, without the token.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The whole address; never holds a secret.
    pub url: Url,
    /// The body as JSON, for requests that have an effect.
    pub json: Option<String>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &self.url.as_str())
            .field("json_bytes", &self.json.as_ref().map(String::len))
            .finish()
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

impl GraphConfig {
    /// The address of `id` (and an edge of it) on the host of the sender's login.
    pub(super) fn node(
        &self,
        sender: &Sender<'_>,
        what: &'static str,
        id: &str,
        edge: Option<&str>,
    ) -> Result<Url, RequestProblem> {
        let is_id_byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if id.is_empty() || !id.bytes().all(is_id_byte) {
            return Err(RequestProblem::UnusableId(what));
        }
        let host = match sender.login {
            Login::Instagram => &self.instagram_graph_url,
            Login::Facebook { .. } => &self.graph_url,
        };
        let mut url = Url::parse(host).map_err(|_| RequestProblem::UnusableUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(RequestProblem::UnusableUrl);
        }
        let version = Some(self.api_version.as_str()).filter(|version| !version.is_empty());
        url.path_segments_mut()
            .map_err(|()| RequestProblem::UnusableUrl)?
            .pop_if_empty()
            .extend(version)
            .push(id)
            .extend(edge);
        Ok(url)
    }

    /// The address of an edge of the node that sends.
    pub(super) fn messaging_edge(
        &self,
        sender: &Sender<'_>,
        edge: &str,
    ) -> Result<Url, RequestProblem> {
        let what = match sender.login {
            Login::Instagram => "account",
            Login::Facebook { .. } => "page",
        };
        self.node(sender, what, sender.messaging_node(), Some(edge))
    }
}

/// A request that reads.
pub(super) fn get(mut url: Url, query: &[(&str, &str)]) -> Request {
    url.query_pairs_mut().extend_pairs(query);
    Request {
        method: Method::Get,
        url,
        json: None,
    }
}

/// A request that has an effect. There is no query: Meta acts first and only then refuses what it
/// does not like there (contract 6.2).
pub(super) fn post(url: Url, json: &serde_json::Value) -> Request {
    Request {
        method: Method::Post,
        url,
        json: Some(json.to_string()),
    }
}
