//! The real binary as a process: how it starts, refuses to start, and stops.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::binary::{Server, client, hookline, signature};
use crate::stage::wait;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

const BODY: &str = r#"{"object":"instagram","entry":[]}"#;

async fn deliver(client: &reqwest::Client, url: &str, body: &str) -> u16 {
    let request = client
        .post(format!("{url}/webhooks/instagram"))
        .header("X-Hub-Signature-256", signature(body.as_bytes()))
        .body(body.to_owned());
    request.send().await.unwrap().status().as_u16()
}

async fn ready(client: &reqwest::Client, url: &str) -> (u16, String) {
    let response = client.get(format!("{url}/readyz")).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn refused(mut command: Command) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[tokio::test]
async fn sigterm_stops_it_with_exit_code_0_and_what_was_answered_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(hookline(directory.path())).unwrap();
    let client = client(PATIENCE);
    assert_eq!(deliver(&client, &server.url, BODY).await, 200);
    assert_eq!(server.terminate(), Some(0));
    let store = format!("sqlite:{}", directory.path().join("hookline.db").display());
    let store = hookline_store::Store::open(&store, hookline_store::Ownership::Exclusive).unwrap();
    let kept = store
        .find_delivery(hookline_model::ids::DeliveryId(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.1, BODY.as_bytes());
}

/// The threads of a process: their names, of at most 15 bytes, and how nice they are.
fn threads(process: u32) -> Vec<(String, i32)> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let of = |task: std::io::Result<std::fs::DirEntry>| {
        // A thread may end while we look.
        let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).ok()?;
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
        let nice = rest.split(' ').nth(16)?.parse().ok()?;
        Some((name.to_owned(), nice))
    };
    tasks.filter_map(of).collect()
}

#[tokio::test]
async fn whoever_answers_meta_comes_before_whoever_plans_and_sends() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(hookline(directory.path())).unwrap();
    assert_eq!(deliver(&client(PATIENCE), &server.url, BODY).await, 200);
    let threads = threads(server.child.id());
    let nice_of = |start: &str| {
        let of_name = threads.iter().filter(|(name, _)| name.starts_with(start));
        let mut nice: Vec<i32> = of_name.map(|(_, nice)| *nice).collect();
        nice.sort_unstable();
        nice.dedup();
        nice
    };
    let own = nice_of("hookline-writer");
    assert_eq!(own.len(), 1, "{threads:?}");
    assert_eq!(nice_of("hookline-serve"), own, "{threads:?}");
    assert_eq!(nice_of("hookline-sync"), own, "{threads:?}");
    assert_eq!(nice_of("tokio"), [(own[0] + 7).min(19)], "{threads:?}");
}

#[test]
fn wrong_configuration_is_told_all_at_once_and_nothing_is_started() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = hookline(directory.path());
    command
        .arg("serve")
        .env("HOOKLINE_SERVER__LISTEN", "nowhere")
        .env("HOOKLINE_SENDING__FIRST_REPLY_DELAY", "soon")
        .env("HOOKLINE_SERVER__LISTTEN", "x");
    let (code, said) = refused(command);
    assert_eq!(code, Some(2), "{said}");
    for key in [
        "server.listen",
        "sending.first_reply_delay",
        "HOOKLINE_SERVER__LISTTEN",
    ] {
        assert!(said.contains(key), "{key} is missing in: {said}");
    }
    assert!(!directory.path().join("hookline.db").exists());
}

#[test]
fn a_second_instance_on_the_same_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let _first = Server::start(hookline(directory.path())).unwrap();
    let mut second = hookline(directory.path());
    second.arg("serve");
    let (code, said) = refused(second);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("another hookline is running on hookline.db"),
        "{said}"
    );
}

#[test]
fn an_address_that_is_taken_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = hookline(directory.path());
    let address = taken.local_addr().unwrap().to_string();
    command.args(["serve", "--listen", &address]);
    let (code, said) = refused(command);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(&format!("cannot listen on {address}")),
        "{said}"
    );
}

#[test]
fn the_generated_key_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let _server = Server::start(hookline(directory.path())).unwrap();
    let mode = std::fs::metadata(directory.path().join("hookline.key"))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
}

/// A full disk, for real: the database lies on a small file system of its own, seen only by the
/// server. Needs the right to mount, which CI has.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_answers_503_and_space_is_enough_to_recover() {
    let directory = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=12m tmpfs . && cd \"$PWD\"";
    let may_mount = Command::new("unshare")
        .args(["--mount", "sh", "-c", mount])
        .current_dir(directory.path())
        .output()
        .is_ok_and(|output| output.status.success());
    if !may_mount {
        println!("SKIPPED: this machine does not let the test mount a file system of its own");
        return;
    }
    let inner = hookline(directory.path());
    let mut command = Command::new("unshare");
    command
        .args([
            "--mount",
            "sh",
            "-c",
            &format!("{mount} && exec \"$0\" \"$@\""),
        ])
        .arg(inner.get_program())
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command.envs(
        inner
            .get_envs()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    let server = Server::start(command).unwrap();
    let client = client(PATIENCE);
    assert_eq!(deliver(&client, &server.url, BODY).await, 200);

    let seen = format!(
        "/proc/{}/root{}",
        server.child.id(),
        directory.path().display()
    );
    let filler = Path::new(&seen).join("filler");
    let mut zeros = std::io::repeat(0).take(16 << 20);
    std::io::copy(&mut zeros, &mut std::fs::File::create(&filler).unwrap()).unwrap_err();

    let large = format!(
        r#"{{"object":"instagram","entry":[],"t":"{}"}}"#,
        "x".repeat(300_000)
    );
    let full =
        wait(|| async { (deliver(&client, &server.url, &large).await == 503).then_some(()) });
    full.await.expect("the full disk was never noticed");
    // An answer about readiness may be a second old.
    let unready = wait(|| async { (ready(&client, &server.url).await.0 == 503).then_some(()) });
    unready.await.expect("the full disk was never told");

    std::fs::remove_file(&filler).unwrap();
    let recovered = wait(|| async {
        let is_taken = deliver(&client, &server.url, BODY).await == 200;
        (is_taken && ready(&client, &server.url).await.0 == 200).then_some(())
    });
    recovered
        .await
        .expect("it did not recover when space came back");
}
