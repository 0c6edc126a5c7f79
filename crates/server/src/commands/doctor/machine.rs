//! What can be seen of this machine: configuration, database, key, server.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use hookline_engine::doctor::{Finding, Judgement, Subject};
use hookline_engine::keyring::KeyRing;
use hookline_store::{Ownership, Store};

use super::visit::{Obstacle, Seen, Visitor};
use crate::config::{self, Config};
use crate::http::health::{ROOM_MIN, room_of};
use crate::keys;
use crate::telemetry::Chain;
use crate::wiring;

/// Less free disk than this fills up within days of a busy account.
const ROOM_WARN: u64 = 1024 * 1024 * 1024;

/// What is wrong with the configuration, and what its owner should know about it.
pub(super) fn configuration(
    problems: &[config::Finding],
    warnings: &[config::Finding],
) -> Vec<Finding> {
    let said = |finding: &config::Finding| {
        let origin = if finding.origin == config::Origin::Default {
            String::new()
        } else {
            format!(" ({})", finding.origin)
        };
        let what = format!("{}{origin} {}.", finding.key, finding.what);
        (what, sentence(&finding.remedy))
    };
    let failed = problems.iter().map(said);
    let failed = failed.map(|(what, remedy)| Judgement::fail(what, remedy));
    let warned = warnings.iter().map(said);
    let warned = warned.map(|(what, remedy)| Judgement::warn(what, remedy));
    let sound = problems.is_empty();
    let sound = sound.then(|| Judgement::ok("The configuration can be used as it is."));
    let judged = sound.into_iter().chain(failed).chain(warned);
    let on = |judged: Judgement| judged.on("configuration", &Subject::Machine);
    judged.map(on).collect()
}

/// A remedy as a sentence of its own.
fn sentence(remedy: &str) -> String {
    let mut letters = remedy.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

/// Opens the database, if there is one; none is made.
pub(super) fn database(config: &Config) -> (Vec<Finding>, Option<Arc<Store>>) {
    let on = |judged: Judgement| judged.on("database", &Subject::Machine);
    let url = wiring::store_url(&config.store.url);
    let path = match hookline_store::path_of(&url) {
        Ok(path) => path,
        Err(problem) => {
            let judged = Judgement::fail(format!("{problem}."), "Correct store.url.");
            return (vec![on(judged)], None);
        }
    };
    if !path.exists() {
        let judged = Judgement::warn(
            format!("There is no database at {} yet.", path.display()),
            "Start `hookline serve` once, which makes it; or correct store.url (or --store).",
        );
        return (vec![on(judged)], None);
    }
    let store = match Store::open(&url, Ownership::Shared) {
        Ok(store) => Arc::new(store),
        Err(problem) => {
            let judged = Judgement::fail(
                format!("The database cannot be opened: {}.", Chain(&problem)),
                "Do what the message says; nothing is received while it stays so.",
            );
            return (vec![on(judged)], None);
        }
    };
    let opened = Judgement::ok(format!(
        "The database {} opens, with this version's schema.",
        path.display()
    ));
    let room = room_of(&path).map(|bytes| judge_room(bytes).on("disk", &Subject::Machine));
    let findings = std::iter::once(on(opened)).chain(room).collect();
    (findings, Some(store))
}

fn judge_room(bytes: u64) -> Judgement {
    let megabytes = bytes.div_euclid(1024 * 1024);
    let what = format!("{megabytes} MiB are free on the disk of the database.");
    let next_step = "Make room, or move the database to a larger disk: what cannot be written is \
                     answered 503, and Meta gives up after a while.";
    if bytes < ROOM_MIN {
        Judgement::fail(what, next_step)
    } else if bytes < ROOM_WARN {
        Judgement::warn(what, next_step)
    } else {
        Judgement::ok(what)
    }
}

/// The keys tokens are opened with; none is made.
pub(super) fn key_ring(config: &Config) -> (Vec<Finding>, Option<Arc<KeyRing>>) {
    let on = |judged: Judgement| judged.on("encryption_key", &Subject::Machine);
    match keys::find(&config.encryption, &config.store.url) {
        Ok(Some(found)) => {
            let what = match &found.warning {
                None => "The keys tokens are encrypted with are configured.".to_owned(),
                Some(warning) => format!("{}.", sentence(warning).trim_end_matches('.')),
            };
            (vec![on(Judgement::ok(what))], Some(Arc::new(found.ring)))
        }
        Ok(None) => (Vec::new(), None),
        Err(problem) => {
            let what = format!("The encryption key cannot be used: {}.", Chain(&problem));
            let next_step = "Correct encryption.keys or the key file: no token can be opened.";
            (vec![on(Judgement::fail(what, next_step))], None)
        }
    }
}

/// Where a server of this configuration listens, as an address to visit; none where the system
/// chooses the port.
pub(super) fn local_address(listen: &str) -> Option<String> {
    let Ok(mut address) = listen.parse::<SocketAddr>() else {
        return Some(format!("http://{listen}"));
    };
    if address.port() == 0 {
        return None;
    }
    if address.ip().is_unspecified() {
        let loopback = match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        address.set_ip(loopback);
    }
    Some(format!("http://{address}"))
}

/// Whether a server runs here and can do its work.
pub(super) async fn server(visitor: &Visitor, local: Option<&str>) -> Finding {
    let judged = match local {
        None => Judgement::skipped(
            "Which port the server listens on is not known: server.listen leaves it to the system.",
        ),
        Some(local) => {
            let seen = visitor.visit(&format!("{local}/readyz"), &[]).await;
            judge_server(local, &seen)
        }
    };
    judged.on("server", &Subject::Machine)
}

fn judge_server(local: &str, seen: &Result<Seen, Obstacle>) -> Judgement {
    let seen = match seen {
        Ok(seen) => seen,
        Err(obstacle) => {
            return Judgement::fail(
                format!("No server answers at {local}: {obstacle}."),
                "Start `hookline serve`. If it runs on another machine, run this command there.",
            );
        }
    };
    let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap_or_default();
    let word = |name: &str| body.get(name).and_then(serde_json::Value::as_str);
    match (seen.status, word("status")) {
        (200, Some("ready")) => Judgement::ok(format!("The server at {local} is ready.")),
        (503, Some("not_ready")) => Judgement::fail(
            format!(
                "The server at {local} is not ready: {}.",
                word("reason").unwrap_or("it does not say why")
            ),
            "Correct that; until then deliveries are answered 503, and Meta gives up after a while.",
        ),
        (status, _) => Judgement::fail(
            format!("Something else than Hookline answers at {local}, with {status}."),
            "Stop it, or give Hookline another port in server.listen.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use hookline_engine::doctor::Verdict;

    use super::*;

    #[test]
    fn a_server_is_visited_where_it_listens() {
        for (listen, address) in [
            ("127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("0.0.0.0:8080", Some("http://127.0.0.1:8080")),
            ("[::]:8080", Some("http://[::1]:8080")),
            ("10.0.0.5:80", Some("http://10.0.0.5:80")),
            ("localhost:8080", Some("http://localhost:8080")),
            ("127.0.0.1:0", None),
        ] {
            assert_eq!(local_address(listen).as_deref(), address, "{listen}");
        }
    }

    #[test]
    fn a_server_is_known_by_its_answer() {
        let seen = |status, body: &str| {
            Ok(Seen {
                status,
                date: None,
                location: None,
                body: body.to_owned(),
            })
        };
        let reason = r#"{"status":"not_ready","reason":"the disk is full"}"#;
        for (seen, verdict, words) in [
            (seen(200, r#"{"status":"ready"}"#), Verdict::Ok, "is ready"),
            (seen(503, reason), Verdict::Fail, "the disk is full"),
            (seen(200, "<html>"), Verdict::Fail, "else than Hookline"),
            (Err(Obstacle::Refused), Verdict::Fail, "refused"),
        ] {
            let judged = judge_server("http://127.0.0.1:1", &seen);
            assert_eq!(judged.verdict, verdict, "{judged:?}");
            assert!(judged.what.contains(words), "{judged:?}");
        }
    }

    #[test]
    fn room_is_judged_before_it_is_gone() {
        let verdicts = [ROOM_MIN - 1, ROOM_MIN, ROOM_WARN].map(|room| judge_room(room).verdict);
        assert_eq!(verdicts, [Verdict::Fail, Verdict::Warn, Verdict::Ok]);
    }
}
