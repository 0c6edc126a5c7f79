//! Where calls go: hosts, nodes and paths (contract section 0, 5.1, 5.8).

use hookline_model::account::Login;
use hookline_model::ids::AccountId;
use hookline_model::secret::Secret;

use super::address::Address;
use super::request::RequestProblem;

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

/// Through which of Meta's two logins a person connects an account (contract section 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoginKind {
    /// Business Login for Instagram.
    Instagram,
    /// Facebook Login for Business.
    Facebook,
}

impl From<&Login> for LoginKind {
    fn from(login: &Login) -> Self {
        match login {
            Login::Instagram => Self::Instagram,
            Login::Facebook { .. } => Self::Facebook,
        }
    }
}

/// What a call is made with: whose token travels along, and whose limits it counts against.
#[derive(Debug, Clone, Copy)]
pub enum Authority<'a> {
    /// A connected account.
    Account(Sender<'a>),
    /// A token of nobody we know yet, or of the app itself.
    Token(&'a Secret),
    /// Nothing: what the call needs stands in its parameters.
    Nobody,
}

impl<'a> Authority<'a> {
    /// The token for the `Authorization` header.
    pub fn token(self) -> Option<&'a Secret> {
        match self {
            Self::Account(sender) => Some(sender.token),
            Self::Token(token) => Some(token),
            Self::Nobody => None,
        }
    }

    /// The account the call is made for, where it is known.
    pub fn account(self) -> Option<&'a AccountId> {
        match self {
            Self::Account(sender) => Some(sender.account),
            Self::Token(_) | Self::Nobody => None,
        }
    }

    /// The ids under which Meta may count the call (contract section 9); empty when they are not known.
    pub fn usage_keys(self) -> Vec<&'a str> {
        match self {
            Self::Account(sender) => vec![sender.account.as_str(), sender.messaging_node()],
            Self::Token(_) | Self::Nobody => Vec::new(),
        }
    }
}

impl<'a> Sender<'a> {
    /// The node that sends and lists conversations: the Page with Facebook Login, where the
    /// account's own node refuses (contract 5.8), else the account.
    fn messaging_node(&self) -> &'a str {
        match self.login {
            Login::Instagram => self.account.as_str(),
            Login::Facebook { page_id } => page_id.as_str(),
        }
    }
}

impl GraphConfig {
    /// The address of `id` (and an edge of it) on the host of the sender's login.
    pub(super) fn node(
        &self,
        sender: &Sender<'_>,
        what: &'static str,
        id: &str,
        edge: Option<&str>,
    ) -> Result<Address, RequestProblem> {
        if !is_id(id) {
            return Err(RequestProblem::UnusableId(what));
        }
        self.at(sender.login.into(), [id].into_iter().chain(edge))
    }

    /// The address of a path on the host of a login, under the version.
    pub(super) fn at<'a>(
        &'a self,
        login: LoginKind,
        path: impl IntoIterator<Item = &'a str, IntoIter: Clone>,
    ) -> Result<Address, RequestProblem> {
        let host = match login {
            LoginKind::Instagram => &self.instagram_graph_url,
            LoginKind::Facebook => &self.graph_url,
        };
        Address::new(host, self.version().into_iter().chain(path))
    }

    /// The version that stands in paths, if one is configured.
    pub(super) fn version(&self) -> Option<&str> {
        Some(self.api_version.as_str()).filter(|version| !version.is_empty())
    }

    /// The address of an edge of the node that sends.
    pub(super) fn messaging_edge(
        &self,
        sender: &Sender<'_>,
        edge: &str,
    ) -> Result<Address, RequestProblem> {
        let what = match sender.login {
            Login::Instagram => "account",
            Login::Facebook { .. } => "page",
        };
        self.node(sender, what, sender.messaging_node(), Some(edge))
    }
}

/// Whether `text` can stand in a path without changing its meaning.
pub(super) fn is_id(text: &str) -> bool {
    let is_id_byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !text.is_empty() && text.bytes().all(is_id_byte)
}
