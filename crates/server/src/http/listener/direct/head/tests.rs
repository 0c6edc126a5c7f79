use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt as _;

use super::*;
use crate::http::webhook::PATH;

const BODY: &[u8] = b"{\"object\":\"instagram\"}";

fn request(fields: &[&str]) -> Vec<u8> {
    let mut request = REQUEST_LINE.to_vec();
    for field in fields {
        request.extend_from_slice(field.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request
}

#[test]
fn the_request_line_is_the_webhooks() {
    let line = format!("POST {PATH} HTTP/1.1\r\n");
    assert_eq!(REQUEST_LINE, line.as_bytes());
}

#[test]
fn a_delivery_as_meta_writes_it_is_known() {
    let mut bytes = request(&[
        "Host: hookline.example",
        "Accept: */*",
        "Content-Type: application/json",
        "X-Hub-Signature-256: sha256=00ff",
        "Facebook-API-Version: v25.0",
        "Connection: Keep-Alive",
        "Content-Length: 22",
    ]);
    let length = bytes.len();
    bytes.extend_from_slice(BODY);
    let head = Head {
        length,
        body_length: 22,
        signature: Some(b"sha256=00ff".to_vec()),
        api_version: Some(b"v25.0".to_vec()),
    };
    assert_eq!(look_at(&bytes), Begun::Delivery(head));
}

#[test]
fn a_head_is_unfinished_until_its_last_byte() {
    let bytes = request(&["Host: a", "Content-Length: 22"]);
    for end in 0..bytes.len() {
        assert_eq!(look_at(&bytes[..end]), Begun::Unfinished, "{end}");
    }
    assert!(matches!(look_at(&bytes), Begun::Delivery(_)));
}

#[test]
fn what_could_be_read_in_two_ways_is_left_to_hyper() {
    let others: [&[&str]; 12] = [
        &[],
        &["Content-Length: 1", "Content-Length: 1"],
        &["Content-Length: +1"],
        &["Content-Length: 1, 1"],
        &["Content-Length:"],
        &["Content-Length: 99999999999999999999999"],
        &["Content-Length: 1", "Transfer-Encoding: chunked"],
        &["Content-Length: 1", "Expect: 100-continue"],
        &["Content-Length: 1", "Connection: close"],
        &["Content-Length: 1", "Upgrade: h2c"],
        &[
            "Content-Length: 1",
            "X-Hub-Signature-256: a",
            "x-hub-signature-256: b",
        ],
        &["Content-Length : 1"],
    ];
    for fields in others {
        assert_eq!(look_at(&request(fields)), Begun::Other, "{fields:?}");
    }
    for line in [
        "POST /webhooks/instagram?a=b HTTP/1.1\r\n",
        "POST /webhooks/instagram HTTP/1.0\r\n",
        "POST /webhooks/instagram HTTP/1.1\n",
        "GET /webhooks/instagram HTTP/1.1\r\n",
        "post /webhooks/instagram HTTP/1.1\r\n",
        "\r\nPOST /webhooks/instagram HTTP/1.1\r\n",
    ] {
        let bytes = format!("{line}Content-Length: 1\r\n\r\n");
        assert_eq!(look_at(bytes.as_bytes()), Begun::Other, "{line:?}");
    }
}

#[test]
fn more_fields_than_are_looked_at_are_left_to_hyper() {
    let fields: Vec<String> = (0..FIELDS_MAX).map(|n| format!("X-{n}: 1")).collect();
    let mut fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    fields.push("Content-Length: 1");
    assert_eq!(look_at(&request(&fields)), Begun::Other);
}

/// What hyper makes of the same bytes: body, signatures and versions; `None` if it answers itself.
type Read = (Vec<u8>, Vec<Vec<u8>>, Vec<Vec<u8>>);

fn as_hyper_reads(bytes: &[u8]) -> Option<Read> {
    let seen = Arc::new(Mutex::new(None));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let told = Arc::clone(&seen);
    runtime.block_on(async move {
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let service = service_fn(move |request: Request<Incoming>| {
            let told = Arc::clone(&told);
            async move {
                let all = |name: &str| -> Vec<Vec<u8>> {
                    let values = request.headers().get_all(name).iter();
                    values.map(|value| value.as_bytes().to_vec()).collect()
                };
                let (signatures, versions) =
                    (all("x-hub-signature-256"), all("facebook-api-version"));
                let is_ours = request.method() == "POST" && request.uri() == PATH;
                if let (Ok(body), true) = (request.into_body().collect().await, is_ours) {
                    let body = body.to_bytes().to_vec();
                    let mut told = told.lock().unwrap();
                    told.get_or_insert((body, signatures, versions));
                }
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            }
        });
        // How the connection ends does not matter: what counts is what was read before.
        let _ = http1::Builder::new()
            .serve_connection(TokioIo::new(server), service)
            .await;
    });
    seen.lock().unwrap().take()
}

fn field() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("Content-Length"),
        Just("content-length"),
        Just("X-Hub-Signature-256"),
        Just("Facebook-API-Version"),
        Just("Connection"),
        Just("Transfer-Encoding"),
        Just("Host"),
        Just("Content-Length "),
        Just("X-Odd"),
    ];
    let value = prop_oneof![
        4 => Just("22".to_owned()),
        1 => Just("keep-alive".to_owned()),
        1 => Just("chunked".to_owned()),
        1 => Just("close".to_owned()),
        1 => Just("v25.0".to_owned()),
        1 => "[ \t]*[0-9]{1,3}[ \t]*",
        1 => "[\\x00-\\x7f\u{e9}]{0,6}",
    ];
    let between = prop_oneof![Just(": "), Just(":"), Just(":\t "), Just(" : ")];
    (name, between, value).prop_map(|(name, between, value)| format!("{name}{between}{value}"))
}

proptest! {
    /// Whoever reads a request otherwise than its neighbours lets one request hide in another.
    #[test]
    fn what_is_read_here_is_what_hyper_reads(
        fields in prop::collection::vec(field(), 0..6),
        cut in prop::option::of((0_usize..200, any::<u8>())),
    ) {
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let mut bytes = request(&fields);
        if let Some((place, byte)) = cut
            && let Some(changed) = bytes.get_mut(place)
        {
            *changed = byte;
        }
        bytes.extend_from_slice(&BODY.repeat(50));
        if let Begun::Delivery(head) = look_at(&bytes) {
            let body = &bytes[head.length..head.length + head.body_length];
            let ours = (
                body.to_vec(),
                head.signature.into_iter().collect(),
                head.api_version.into_iter().collect(),
            );
            prop_assert_eq!(as_hyper_reads(&bytes), Some(ours));
        }
    }
}
