//! Tells people outside of alerts: signed POSTs and mail.

mod mail;
mod post;

use anyhow::Context as _;
use hookline_engine::alerts::{NotTold, Notifier, Telling};
use hookline_model::alert::Notice;
use ring::digest::{SHA256, digest};

use crate::config::AlertsConfig;
use mail::{Mail, Mailer};
use post::{Post, Poster};

/// Everyone who is told.
pub(crate) struct Outside {
    posts: Vec<Post>,
    poster: Option<Poster>,
    mails: Vec<Mail>,
    mailer: Option<Mailer>,
    /// Where accounts are connected.
    connect_page: Option<String>,
}

impl Outside {
    /// Everyone `config` names; each is told where accounts are connected, where that helps.
    pub(crate) fn new(config: &AlertsConfig, connect_page: Option<String>) -> anyhow::Result<Self> {
        let secret = config.secret.as_ref().filter(|_| !config.urls.is_empty());
        let poster = secret
            .map(Poster::new)
            .transpose()
            .context("the client that tells of alerts could not be set up")?;
        let server = config.smtp.as_ref().zip(config.email_from.as_ref());
        let mailer = server
            .map(|(server, from)| Mailer::new(server, from))
            .transpose()
            .context("the mail client could not be set up")?;
        Ok(Self {
            posts: config.urls.iter().map(Post::new).collect(),
            poster,
            mails: config.email_to.iter().map(Mail::new).collect(),
            mailer,
            connect_page,
        })
    }

    async fn tell(&self, destination: &str, notice: &Notice) -> Result<(), NotTold> {
        let mut notice = notice.clone();
        if let Some(page) = &self.connect_page {
            notice.alert.point_to(page);
        }
        let notice = &notice;
        if let Some(poster) = &self.poster
            && let Some(post) = self.posts.iter().find(|post| post.name == destination)
        {
            return poster.post(post, notice).await.map_err(NotTold::ThisTime);
        }
        if let Some(mailer) = &self.mailer
            && let Some(mail) = self.mails.iter().find(|mail| mail.name == destination)
        {
            return mailer.send(mail, notice).await.map_err(NotTold::ThisTime);
        }
        Err(NotTold::Unknown)
    }
}

impl Notifier for Outside {
    fn destinations(&self) -> Vec<String> {
        let posts = self.posts.iter().map(|post| post.name.clone());
        let mails = self.mails.iter().map(|mail| mail.name.clone());
        posts.chain(mails).collect()
    }

    fn tell<'a>(&'a self, destination: &'a str, notice: &'a Notice) -> Telling<'a> {
        Box::pin(self.tell(destination, notice))
    }
}

/// A name for an address: the same after every start, and nothing of the address can be read from
/// it.
fn name_of(kind: &str, address: &str) -> String {
    const BYTES: usize = 8;
    let digest = digest(&SHA256, address.as_bytes());
    let short: Vec<u8> = digest.as_ref().iter().copied().take(BYTES).collect();
    format!("{kind}:{}", hex::encode(short))
}
