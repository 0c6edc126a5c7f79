//! What Meta sees of this installation: its address, its certificate, its handshake.

use hookline_engine::doctor::{Finding, Judgement, Subject};
use hookline_model::secret::Secret;

use super::visit::{Obstacle, Seen, Visitor};
use crate::config::Config;
use crate::keys;
use crate::wiring::meta::WEBHOOK_PATH;

/// Visits the public address, or without one the server on this machine.
pub(super) async fn examine(
    visitor: &Visitor,
    config: &Config,
    local: Option<&str>,
) -> anyhow::Result<Vec<Finding>> {
    let subject = Subject::PublicAddress;
    let Some(public) = &config.server.public_url else {
        let unset = Judgement::warn(
            "server.public_url is not set, so nobody can tell from here what Meta sees.",
            "Set server.public_url to the https address Meta delivers to, without a path.",
        );
        let mut findings = vec![unset.on("public_url", &subject)];
        if let Some(local) = local {
            findings.push(handshake(visitor, config, local).await?);
        }
        return Ok(findings);
    };
    let base = public.as_str().trim_end_matches('/');
    let seen = visitor.visit(&format!("{base}/healthz"), &[]).await;
    let is_open = seen.as_ref().is_ok_and(is_hookline);
    let reached = judge_address(base, &seen);
    let mut findings = vec![reached.on("public_url", &subject)];
    if let Some(plain) = judge_scheme(public.is_https(), public.is_loopback()) {
        findings.push(plain.on("public_url_https", &subject));
    }
    // A proxy may let nothing but the webhook through: whoever answers is asked to shake hands.
    if is_open || seen.is_ok_and(|seen| seen.location.is_none()) {
        findings.push(handshake(visitor, config, base).await?);
    } else {
        let skipped = Judgement::skipped("The handshake needs an address that answers, see above.");
        findings.push(skipped.on("handshake", &subject));
    }
    Ok(findings)
}

fn is_hookline(seen: &Seen) -> bool {
    let body: Option<serde_json::Value> = serde_json::from_str(&seen.body).ok();
    let status = body.as_ref().and_then(|body| body.get("status")?.as_str());
    seen.status == 200 && matches!(status, Some("ok" | "degraded"))
}

fn judge_address(base: &str, seen: &Result<Seen, Obstacle>) -> Judgement {
    let seen = match seen {
        Ok(seen) => seen,
        Err(obstacle) => {
            return Judgement::fail(
                format!("{base} cannot be reached: {obstacle}."),
                obstacle.remedy(),
            );
        }
    };
    if is_hookline(seen) {
        return Judgement::ok(format!("{base} is reached, and Hookline answers."));
    }
    if let Some(to) = &seen.location {
        return Judgement::fail(
            format!("{base} redirects to {to}, and Meta follows no redirect."),
            "Set server.public_url to the address without a redirect, and run `hookline \
             subscribe`.",
        );
    }
    if (502..=504).contains(&seen.status) {
        return Judgement::fail(
            format!(
                "The proxy at {base} answers {}: it does not reach Hookline.",
                seen.status
            ),
            "Start `hookline serve`, and compare server.listen with where the proxy forwards to.",
        );
    }
    Judgement::warn(
        format!(
            "{base}/healthz answers {}, and not as Hookline does: another server answers, or the \
             proxy lets only some paths through.",
            seen.status
        ),
        "If the handshake below is ok, the webhook itself comes through. Else let the proxy \
         forward all of /webhooks/instagram, /oauth, /meta and /healthz.",
    )
}

fn judge_scheme(is_https: bool, is_loopback: bool) -> Option<Judgement> {
    if is_https {
        return None;
    }
    let next_step = "Put a reverse proxy with a certificate in front, and set server.public_url to \
                     its https address.";
    Some(if is_loopback {
        Judgement::warn(
            "server.public_url is this machine itself: enough for `hookline sim`, not for Meta.",
            next_step,
        )
    } else {
        Judgement::fail(
            "server.public_url is plain http, and Meta calls only https.",
            next_step,
        )
    })
}

/// Shakes hands as Meta does: with the right word, and with a wrong one.
async fn handshake(visitor: &Visitor, config: &Config, base: &str) -> anyhow::Result<Finding> {
    let Some(token) = &config.meta.verify_token else {
        let unset = Judgement::warn(
            "meta.verify_token is not set, so every handshake is refused.",
            "Set meta.verify_token to a word of your own, restart `hookline serve`, and run \
             `hookline subscribe`.",
        );
        return Ok(unset.on("handshake", &Subject::PublicAddress));
    };
    let challenge = hex::encode(keys::random_bytes::<12>()?);
    let wrong = Secret::new(hex::encode(keys::random_bytes::<12>()?));
    let address = format!("{base}{WEBHOOK_PATH}");
    let ask = async |token: &Secret| {
        let query = [
            ("hub.mode", "subscribe"),
            ("hub.challenge", challenge.as_str()),
            ("hub.verify_token", token.expose()),
        ];
        visitor.visit(&address, &query).await
    };
    let judged = match tokio::join!(ask(token), ask(&wrong)) {
        (Ok(right), Ok(wrong)) => judge_handshake(&challenge, &right, &wrong),
        (Err(obstacle), _) | (_, Err(obstacle)) => Judgement::fail(
            format!("The handshake was not answered: {obstacle}."),
            obstacle.remedy(),
        ),
    };
    Ok(judged.on("handshake", &Subject::PublicAddress))
}

fn judge_handshake(challenge: &str, right: &Seen, wrong: &Seen) -> Judgement {
    if wrong.status == 200 && wrong.body == challenge {
        return Judgement::fail(
            "The handshake is answered whatever the verify token: another server answers there.",
            "See in the reverse proxy where /webhooks/instagram is forwarded to.",
        );
    }
    if right.status == 403 {
        return Judgement::fail(
            "The server refuses the verify token that is configured here.",
            "Restart `hookline serve`, so that it reads meta.verify_token again; if that changes \
             nothing, the server has another configuration than this command.",
        );
    }
    if right.status != 200 || right.body != challenge {
        return Judgement::fail(
            format!(
                "The handshake is answered with {} and not with the challenge alone.",
                right.status
            ),
            "See in the reverse proxy that /webhooks/instagram is forwarded to Hookline, with its \
             query, and that nothing changes the answer.",
        );
    }
    Judgement::ok("The handshake is answered, and a wrong verify token is refused.")
}

#[cfg(test)]
mod tests {
    use hookline_engine::doctor::Verdict;

    use super::*;

    fn seen(status: u16, body: &str, location: Option<&str>) -> Seen {
        Seen {
            status,
            date: None,
            location: location.map(str::to_owned),
            body: body.to_owned(),
        }
    }

    #[track_caller]
    fn expect(judged: &Judgement, verdict: Verdict, words: &str) {
        assert_eq!(judged.verdict, verdict, "{judged:?}");
        assert!(
            judged.what.contains(words),
            "{words:?} is not in {judged:?}"
        );
    }

    #[test]
    fn what_answers_at_the_public_address_is_told_apart() {
        let base = "https://hooks.example.com";
        let to = Some("https://www.example.com/");
        for (visited, verdict, words) in [
            (
                Ok(seen(200, r#"{"status":"ok"}"#, None)),
                Verdict::Ok,
                "Hookline answers",
            ),
            (
                Ok(seen(200, r#"{"status":"degraded"}"#, None)),
                Verdict::Ok,
                "Hookline answers",
            ),
            (
                Ok(seen(301, "", to)),
                Verdict::Fail,
                "redirects to https://www.example.com/",
            ),
            (
                Ok(seen(502, "", None)),
                Verdict::Fail,
                "does not reach Hookline",
            ),
            (
                Ok(seen(200, "<html>", None)),
                Verdict::Warn,
                "another server",
            ),
            (Ok(seen(404, "", None)), Verdict::Warn, "another server"),
            (Err(Obstacle::NoAddress), Verdict::Fail, "DNS"),
            (Err(Obstacle::Refused), Verdict::Fail, "refused"),
            (Err(Obstacle::Expired), Verdict::Fail, "expired"),
            (Err(Obstacle::OtherName), Verdict::Fail, "another name"),
            (Err(Obstacle::NotTrusted), Verdict::Fail, "not trusted"),
            (Err(Obstacle::TimedOut), Verdict::Fail, "5 seconds"),
        ] {
            expect(&judge_address(base, &visited), verdict, words);
        }
        assert_eq!(judge_scheme(true, false), None);
        let plain = judge_scheme(false, false).expect("it is plain");
        expect(&plain, Verdict::Fail, "plain http");
        let loopback = judge_scheme(false, true).expect("it is plain");
        expect(&loopback, Verdict::Warn, "hookline sim");
    }

    #[test]
    fn only_the_bare_challenge_for_the_right_word_alone_is_a_handshake() {
        let no = seen(403, "no", None);
        for (right, wrong, verdict, words) in [
            (
                seen(200, "abc", None),
                no.clone(),
                Verdict::Ok,
                "is answered",
            ),
            (
                no.clone(),
                no.clone(),
                Verdict::Fail,
                "refuses the verify token",
            ),
            (
                seen(200, "abc", None),
                seen(200, "abc", None),
                Verdict::Fail,
                "whatever",
            ),
            (
                seen(200, "\"abc\"", None),
                no.clone(),
                Verdict::Fail,
                "not with the challenge",
            ),
            (seen(404, "", None), no, Verdict::Fail, "answered with 404"),
        ] {
            expect(&judge_handshake("abc", &right, &wrong), verdict, words);
        }
    }
}
