//! Where deliveries go: this machine, nowhere else.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use hyper::Uri;

/// An HTTP address on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    address: SocketAddr,
    path: String,
}

/// Why an address is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetProblem {
    /// It is not a URL.
    #[error("not a URL")]
    NotAUrl,
    /// It is not plain HTTP.
    #[error("only http:// is measured")]
    NotHttp,
    /// It is another machine, or may be one.
    #[error("only loopback addresses are targets: 127.0.0.1, [::1] or localhost")]
    NotLoopback,
}

impl Target {
    /// The address to connect to; always a loopback one.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The path deliveries are posted to.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl FromStr for Target {
    type Err = TargetProblem;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url: Uri = text.parse().map_err(|_| TargetProblem::NotAUrl)?;
        if url.scheme_str() != Some("http") {
            return Err(TargetProblem::NotHttp);
        }
        let host = url.host().ok_or(TargetProblem::NotAUrl)?;
        let ip = if host == "localhost" {
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        } else {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            bare.parse().map_err(|_| TargetProblem::NotLoopback)?
        };
        if !ip.is_loopback() {
            return Err(TargetProblem::NotLoopback);
        }
        let address = SocketAddr::new(ip, url.port_u16().unwrap_or(80));
        Ok(Self {
            address,
            path: url.path().to_owned(),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.address, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_a_target() {
        for (text, shown) in [
            (
                "http://127.0.0.1:8080/webhooks/instagram",
                "http://127.0.0.1:8080/webhooks/instagram",
            ),
            ("http://localhost:81", "http://127.0.0.1:81/"),
            ("http://[::1]:82/a", "http://[::1]:82/a"),
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn no_other_machine_is_a_target() {
        let not_loopback = [
            "http://10.0.0.1/a",
            "http://192.168.1.2:80/",
            "http://example.com/",
            "http://[2001:db8::1]/",
        ];
        for text in not_loopback {
            assert_eq!(
                text.parse::<Target>(),
                Err(TargetProblem::NotLoopback),
                "{text}"
            );
        }
        assert_eq!(
            "https://127.0.0.1/".parse::<Target>(),
            Err(TargetProblem::NotHttp)
        );
        assert_eq!("/webhooks".parse::<Target>(), Err(TargetProblem::NotHttp));
    }
}
