//! The handshake and the way of a delivery to its 200.

use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

use crate::site::{
    SECRETS, Settings, TestServer, VERIFY_TOKEN, get_of, post_with, sign, signed_post,
};

const BODY: &[u8] = br#"{"object":"instagram","entry":[],"t":"\u00e4"}"#;

fn handshake(query: &str) -> Vec<u8> {
    get_of(&format!("/webhooks/instagram?{query}"))
}

/// The verify token as a URL has it.
const ENCODED: &str = "correct%20horse%2Bbattery%2fstaple";

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table, one row a handshake")]
async fn the_handshake_echoes_the_challenge_to_who_knows_the_word() {
    let server = TestServer::start().await;
    let mode = "hub.mode=subscribe";
    let token = format!("hub.verify_token={ENCODED}");
    let longest = "a".repeat(256);
    let too_long = "a".repeat(257);
    let table = [
        (
            format!("{mode}&hub.challenge=1158201444&{token}"),
            200,
            "1158201444",
        ),
        (format!("{token}&hub.challenge=a-B_9&{mode}"), 200, "a-B_9"),
        (
            format!("x=1&{mode}&{token}&hub.challenge=7&hub_mode=x"),
            200,
            "7",
        ),
        (
            format!("{mode}&{token}&hub.challenge={longest}"),
            200,
            longest.as_str(),
        ),
        (format!("{mode}&{token}&hub.challenge=%31%32"), 200, "12"),
        (
            format!("{mode}&hub.challenge=1&hub.verify_token=wrong"),
            403,
            "",
        ),
        (format!("{mode}&hub.challenge=1&hub.verify_token="), 403, ""),
        (format!("{mode}&hub.challenge=1&{token}x"), 403, ""),
        (format!("{mode}&hub.challenge=1"), 403, ""),
        (
            format!("hub.mode=unsubscribe&hub.challenge=1&{token}"),
            403,
            "",
        ),
        (format!("hub.challenge=1&{token}"), 403, ""),
        (
            format!("hub_mode=subscribe&hub.challenge=1&{token}"),
            403,
            "",
        ),
        (String::new(), 403, ""),
        (format!("{mode}&{token}"), 400, ""),
        (format!("{mode}&{token}&hub.challenge="), 400, ""),
        (format!("{mode}&{token}&hub.challenge={too_long}"), 400, ""),
        (
            format!("{mode}&{token}&hub.challenge=%3Cscript%3E"),
            400,
            "",
        ),
        (format!("{mode}&{token}&hub.challenge=a+b"), 400, ""),
        (format!("{mode}&{token}&hub.challenge=%C3%A4"), 400, ""),
        (
            format!("{mode}&{token}&hub.challenge=1&hub.challenge=1"),
            400,
            "",
        ),
        (format!("{mode}&{token}&{token}&hub.challenge=1"), 400, ""),
        (format!("{mode}&{mode}&{token}&hub.challenge=1"), 400, ""),
    ];
    for (query, status, challenge) in table {
        let answer = server.ask(&handshake(&query)).await;
        assert_eq!(answer.status, status, "{query}");
        assert!(answer.has_header("content-type: text/plain"), "{query}");
        if status == 200 {
            assert_eq!(answer.body, challenge, "{query}");
        } else {
            assert!(!answer.body.contains("script"), "{query}");
            assert!(!answer.body.contains(VERIFY_TOKEN), "{query}");
        }
    }
}

#[tokio::test]
async fn without_a_configured_word_nobody_knows_it() {
    let mut settings = Settings::default();
    settings.webhook.verify_token = None;
    let server = TestServer::start_with(settings).await;
    for token in ["", "hub.verify_token=&", "hub.verify_token=x&"] {
        let query = format!("{token}hub.mode=subscribe&hub.challenge=1");
        assert_eq!(server.ask(&handshake(&query)).await.status, 403, "{query}");
    }
}

#[tokio::test]
async fn a_signed_delivery_is_recorded_before_its_200() {
    let server = TestServer::start().await;
    let answer = server.ask(&signed_post(BODY)).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "EVENT_RECEIVED")
    );
    assert_eq!(server.recorded().await, 1);
    let signature = sign(SECRETS[1], BODY);
    assert_eq!(
        server.ask(&post_with(&[&signature], BODY)).await.status,
        200
    );
    assert_eq!(server.recorded().await, 2);
    server
        .wait_for_metric("hookline_deliveries_total{verdict=\"recorded\"} 2")
        .await;
    server.wait_for_metric("hookline_ack_seconds_count 2").await;
}

#[tokio::test]
async fn the_200_does_not_depend_on_what_the_body_is() {
    let server = TestServer::start().await;
    for body in [&b""[..], b"not json", b"\xff\x00", b"[[[[[[[["] {
        assert_eq!(server.ask(&signed_post(body)).await.status, 200);
    }
    assert_eq!(server.recorded().await, 4);
}

#[tokio::test]
async fn nobody_else_gets_in_and_nothing_of_them_stays() {
    let server = TestServer::start().await;
    let right = sign(SECRETS[0], BODY);
    let upper = right.to_ascii_uppercase().replace("SHA256", "sha256");
    let table: [(&[&str], &str); 9] = [
        (&[], "rejected_missing_signature"),
        (&[&sign("other-secret", BODY)], "rejected_signature"),
        (&[&sign(SECRETS[0], b"{}")], "rejected_signature"),
        (&[&sign("", BODY)], "rejected_signature"),
        (&[&upper], "rejected_malformed_signature"),
        (
            &["sha1=0123456789012345678901234567890123456789"],
            "rejected_malformed_signature",
        ),
        (&[&right[..right.len() - 1]], "rejected_malformed_signature"),
        (
            &[&right.replace("sha256=", "")],
            "rejected_malformed_signature",
        ),
        (&[&right, &right], "rejected_malformed_signature"),
    ];
    let mut counts = std::collections::BTreeMap::new();
    for (signatures, verdict) in table {
        let answer = server.ask(&post_with(signatures, BODY)).await;
        assert_eq!(answer.status, 401, "{signatures:?}");
        *counts.entry(verdict).or_insert(0) += 1;
        let count = counts[verdict];
        let line = format!("hookline_deliveries_total{{verdict=\"{verdict}\"}} {count}");
        server.wait_for_metric(&line).await;
    }
    assert_eq!(server.recorded().await, 0);
}

#[tokio::test]
async fn the_bytes_are_checked_as_received() {
    let server = TestServer::start().await;
    let signature = sign(SECRETS[0], BODY);
    let decoded = String::from_utf8(BODY.to_vec())
        .unwrap()
        .replace("\\u00e4", "ä");
    let answer = server
        .ask(&post_with(&[&signature], decoded.as_bytes()))
        .await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn a_delivery_in_chunks_is_one_delivery() {
    let server = TestServer::start().await;
    let (first, second) = BODY.split_at(10);
    let mut request = format!(
        "POST /webhooks/instagram HTTP/1.1\r\nHost: test\r\nX-Hub-Signature-256: {}\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        sign(SECRETS[0], BODY)
    )
    .into_bytes();
    for chunk in [first, second, b""] {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    assert_eq!(server.ask(&request).await.status, 200);
    assert_eq!(server.recorded().await, 1);
}

#[tokio::test]
async fn without_a_database_deliveries_wait_and_handshakes_work() {
    let server = TestServer::start().await;
    server.store.close().await;
    let answer = server.ask(&signed_post(BODY)).await;
    assert_eq!(answer.status, 503);
    assert!(answer.has_header("retry-after: 5"), "{}", answer.head);
    server
        .wait_for_metric("hookline_deliveries_total{verdict=\"unavailable\"} 1")
        .await;
    let query = format!("hub.mode=subscribe&hub.challenge=1&hub.verify_token={ENCODED}");
    assert_eq!(server.ask(&handshake(&query)).await.status, 200);
}

#[tokio::test]
async fn other_methods_are_told_the_right_ones() {
    let server = TestServer::start().await;
    for method in ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
        let request = format!("{method} /webhooks/instagram HTTP/1.1\r\nHost: test\r\n\r\n");
        let mut client = server.connect().await;
        client.send(request.as_bytes()).await;
        if method == "HEAD" {
            // Its answer has a length and no body, so only the head is looked at.
            client.send(&get_of("/quick")).await;
            assert!(client.head().await.starts_with("http/1.1 405"));
            continue;
        }
        let answer = client.answer().await;
        assert_eq!(answer.status, 405, "{method}");
        assert!(answer.has_header("allow: get, post"), "{}", answer.head);
    }
}

#[tokio::test]
async fn only_the_exact_path_is_the_webhook() {
    let server = TestServer::start().await;
    for path in [
        "/webhooks/instagram/",
        "/webhooks",
        "/WEBHOOKS/instagram",
        "//webhooks/instagram",
    ] {
        assert_eq!(server.ask(&get_of(path)).await.status, 404, "{path}");
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Every test has a process of its own, so the log of the process is the log of this test.
#[tokio::test(flavor = "current_thread")]
async fn a_flood_of_forgeries_is_one_line_without_digest_or_body() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(lines.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let server = TestServer::start().await;
    let signature = sign("other-secret", b"{\"text\":\"private words\"}");
    let request = post_with(&[&signature], b"{\"text\":\"private words\"}");
    let mut client = server.connect().await;
    for _ in 0..50 {
        client.send(&request).await;
        assert_eq!(client.answer().await.status, 401);
    }
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(log.matches("delivery refused").count(), 1, "{log}");
    assert!(!log.contains("private words"), "{log}");
    assert!(
        !log.contains(signature.trim_start_matches("sha256=")),
        "{log}"
    );
}
