//! One GET as a stranger makes it, and what stands in its way, named so that somebody can act.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::time::Duration;

use hookline_model::clock::Timestamp;
use reqwest::header::{DATE, HeaderMap, HeaderName, LOCATION};
use rustls::CertificateError as Problem;

/// How long one visit may take; Meta itself waits no longer (contract 2.6).
const VISIT_MAX: Duration = Duration::from_secs(5);

/// More of a body is not looked at.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// What a visit saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) status: u16,
    pub(super) date: Option<Timestamp>,
    /// Where a redirect points to, without its query.
    pub(super) location: Option<String>,
    pub(super) body: String,
}

/// Why a visit saw nothing. Never prints the address that was asked for, which may hold a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Obstacle {
    NoAddress,
    Refused,
    Expired,
    OtherName,
    NotTrusted,
    Unfit(String),
    Tls(String),
    TimedOut,
    Broken(String),
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("its name has no address in the DNS"),
            Self::Refused => f.write_str("the connection was refused: nothing listens there"),
            Self::Expired => f.write_str("its TLS certificate has expired"),
            Self::OtherName => f.write_str("its TLS certificate is for another name"),
            Self::NotTrusted => f.write_str(
                "its TLS certificate is not trusted: it is self-signed, or the chain is not whole",
            ),
            Self::Unfit(problem) => write!(f, "its TLS certificate is refused ({problem})"),
            Self::Tls(problem) => write!(f, "TLS failed ({problem})"),
            Self::TimedOut => write!(f, "no answer came within {} seconds", VISIT_MAX.as_secs()),
            Self::Broken(problem) => write!(f, "the connection broke ({problem})"),
        }
    }
}

impl Obstacle {
    /// What to do, where the address is ours.
    pub(super) fn remedy(&self) -> &'static str {
        match self {
            Self::NoAddress => {
                "Compare the name with the one at your DNS provider; a new entry can take an hour."
            }
            Self::Refused => {
                "Start `hookline serve` and the reverse proxy in front of it, and open the port in \
                 the firewall."
            }
            Self::Expired => "Renew the certificate and reload the reverse proxy.",
            Self::OtherName => "Have a certificate made for this name, and load it in the proxy.",
            Self::NotTrusted | Self::Unfit(_) => {
                "Serve the whole chain (fullchain.pem, not cert.pem) of a certificate from a public \
                 authority such as Let's Encrypt: Meta accepts no other."
            }
            Self::Tls(_) => "See whether the port speaks TLS at all, and offers TLS 1.2 or 1.3.",
            Self::TimedOut | Self::Broken(_) => {
                "See whether a firewall is in the way, and what the reverse proxy's log says."
            }
        }
    }
}

/// Makes visits: no redirects, no proxy, the system's roots.
pub(super) struct Visitor {
    http: reqwest::Client,
}

impl Visitor {
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        // Fails only if someone chose a provider before, which then is the one to use.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .user_agent(concat!("hookline/", env!("CARGO_PKG_VERSION")))
            .timeout(VISIT_MAX)
            .connect_timeout(VISIT_MAX)
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .build()?;
        Ok(Self { http })
    }

    pub(super) async fn visit(
        &self,
        address: &str,
        query: &[(&str, &str)],
    ) -> Result<Seen, Obstacle> {
        let mut url = reqwest::Url::parse(address)
            .map_err(|problem| Obstacle::Broken(problem.to_string()))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let place = url
            .host_str()
            .zip(url.port_or_known_default())
            .map(|(host, port)| (host.trim_matches(['[', ']']).to_owned(), port));
        match self.http.get(url).send().await {
            Ok(response) => read(response).await,
            Err(error) => {
                let obstacle = obstacle(&error);
                let is_vague = matches!(obstacle, Obstacle::Broken(_) | Obstacle::TimedOut);
                let is_known = match place {
                    Some(place) if is_vague => has_address(place).await,
                    _ => true,
                };
                Err(if is_known {
                    obstacle
                } else {
                    Obstacle::NoAddress
                })
            }
        }
    }
}

async fn has_address(place: (String, u16)) -> bool {
    let looked = tokio::time::timeout(VISIT_MAX, tokio::net::lookup_host(place)).await;
    looked.is_ok_and(|found| found.is_ok_and(|mut addresses| addresses.next().is_some()))
}

async fn read(mut response: reqwest::Response) -> Result<Seen, Obstacle> {
    let status = response.status().as_u16();
    let date = text_of(response.headers(), &DATE).and_then(|text| Timestamp::from_http(&text));
    let location = text_of(response.headers(), &LOCATION);
    let location = location.map(|to| to.split('?').next().unwrap_or_default().to_owned());
    let mut body = Vec::new();
    while body.len() < BODY_BYTES_MAX {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return Err(obstacle(&error)),
        }
    }
    body.truncate(BODY_BYTES_MAX);
    Ok(Seen {
        status,
        date,
        location,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn text_of(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.to_owned())
}

/// Names what is behind a transport error. The outermost words hold the address and are left out.
fn obstacle(error: &reqwest::Error) -> Obstacle {
    let mut words = Vec::new();
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(named) = named(inner) {
            return named;
        }
        words.push(inner.to_string());
        cause = inner.source();
    }
    if error.is_timeout() {
        return Obstacle::TimedOut;
    }
    Obstacle::Broken(words.pop().unwrap_or_else(|| "no more is known".to_owned()))
}

fn named(cause: &(dyn std::error::Error + 'static)) -> Option<Obstacle> {
    if let Some(problem) = cause.downcast_ref::<rustls::Error>() {
        return Some(of_tls(problem));
    }
    let problem = cause.downcast_ref::<io::Error>()?;
    // An I/O error names the cause behind its own as its source, and not that one itself.
    if let Some(inner) = problem.get_ref() {
        let inner: &(dyn std::error::Error + 'static) = inner;
        return named(inner);
    }
    if problem.kind() == io::ErrorKind::ConnectionRefused {
        return Some(Obstacle::Refused);
    }
    (problem.kind() == io::ErrorKind::TimedOut).then_some(Obstacle::TimedOut)
}

fn of_tls(problem: &rustls::Error) -> Obstacle {
    let rustls::Error::InvalidCertificate(certificate) = problem else {
        return Obstacle::Tls(problem.to_string());
    };
    let is_expired = matches!(
        certificate,
        Problem::Expired | Problem::ExpiredContext { .. }
    );
    let is_of_another = matches!(
        certificate,
        Problem::NotValidForName | Problem::NotValidForNameContext { .. }
    );
    // The verifier has no name of its own for a certificate that signed itself.
    let is_of_nobody = matches!(certificate, Problem::UnknownIssuer | Problem::Other(_));
    if is_expired {
        Obstacle::Expired
    } else if is_of_another {
        Obstacle::OtherName
    } else if is_of_nobody {
        Obstacle::NotTrusted
    } else {
        Obstacle::Unfit(certificate.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_certificate_is_named() {
        let signed_itself = Problem::Other(rustls::OtherError(std::sync::Arc::new(
            io::Error::other("CaUsedAsEndEntity"),
        )));
        for (problem, obstacle) in [
            (Problem::Expired, Obstacle::Expired),
            (Problem::NotValidForName, Obstacle::OtherName),
            (Problem::UnknownIssuer, Obstacle::NotTrusted),
            (signed_itself, Obstacle::NotTrusted),
        ] {
            let error = rustls::Error::InvalidCertificate(problem);
            // As it lies in the errors of a connection: behind two of I/O.
            let error = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error));
            assert_eq!(named(&error), Some(obstacle), "{error}");
        }
        let revoked = rustls::Error::InvalidCertificate(Problem::Revoked);
        assert!(matches!(of_tls(&revoked), Obstacle::Unfit(_)));
        let plain = rustls::Error::General("no TLS".to_owned());
        assert!(matches!(of_tls(&plain), Obstacle::Tls(_)));
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(named(&refused), Some(Obstacle::Refused));
    }
}
