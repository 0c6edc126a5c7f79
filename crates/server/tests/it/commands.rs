//! The commands that need no server, run as a person runs them.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a command answered.
struct Ran {
    code: i32,
    said: String,
    complained: String,
}

fn hookline(directory: &Path, line: &str, input: &str) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookline"));
    command.args(line.split(' ')).current_dir(directory);
    command
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that does not read its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        said: String::from_utf8(output.stdout).unwrap(),
        complained: String::from_utf8(output.stderr).unwrap(),
    }
}

#[track_caller]
fn expect(ran: &Ran, code: i32, words: &str) {
    assert_eq!(ran.code, code, "{}{}", ran.said, ran.complained);
    let text = if code == 0 {
        &ran.said
    } else {
        &ran.complained
    };
    assert!(text.contains(words), "{words:?} is not in {text:?}");
}

const LINK: &str = r#"
name = "link"
accounts = ["*"]
[trigger]
on = "comment"
[match]
mode = "word"
any = ["link"]
[[steps]]
do = "private_reply"
text = "here"
"#;

#[test]
fn looking_does_not_create_a_database() {
    let directory = tempfile::tempdir().unwrap();
    for line in [
        "accounts list",
        "contacts erase --account a --contact b",
        "automations list",
        "explain 1",
        "queue",
        "alerts",
        "replay dlv_1",
    ] {
        expect(
            &hookline(directory.path(), line, ""),
            1,
            "there is no database",
        );
    }
    assert!(!directory.path().join("hookline.db").exists());
}

#[test]
fn accounts_are_connected_from_the_standard_input_and_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let run = |line: &str, input: &str| hookline(directory.path(), line, input);
    let connect = "accounts connect --id 1784 --username ada.bakes";
    expect(&run(connect, "token-1\n"), 0, "connected ada.bakes (1784)");
    std::fs::write(directory.path().join("token"), "token-2\n").unwrap();
    expect(
        &run(&format!("{connect} --token-file token"), ""),
        0,
        "replaced the token",
    );
    expect(&run(connect, ""), 2, "access_token");
    expect(
        &run(&format!("{connect} --login facebook"), "t"),
        2,
        "page_id",
    );
    expect(&run("accounts list", ""), 0, "ada.bakes");
    let shown = run("accounts show 1784 --json", "");
    expect(&shown, 0, "\"hold\": null");
    assert!(!shown.said.contains("token"));
    expect(&run("accounts show 1785", ""), 1, "not connected");
    let erase = "contacts erase --account ada.bakes --contact 61";
    expect(&run(erase, ""), 0, "nothing was found");
    expect(&run("accounts remove ADA.bakes", ""), 0, "forgot");
    expect(&run("accounts remove 1784", ""), 1, "not connected");
}

#[test]
fn automations_are_applied_all_or_none() {
    let directory = tempfile::tempdir().unwrap();
    let run = |line: &str| hookline(directory.path(), line, "");
    std::fs::write(directory.path().join("link.toml"), LINK).unwrap();
    std::fs::write(
        directory.path().join("bad.toml"),
        LINK.replace("word", "wrd"),
    )
    .unwrap();
    let both = run("automations apply link.toml bad.toml");
    expect(&both, 2, "bad.toml: match.mode");
    expect(&both, 2, "nothing was published");
    expect(
        &run("automations apply link.toml link.toml"),
        2,
        "two files",
    );
    expect(&run("automations apply missing.toml"), 1, "missing.toml");
    expect(
        &run("automations apply link.toml"),
        0,
        "published link, version 1",
    );
    expect(
        &run("automations apply link.toml"),
        0,
        "unchanged: link, version 1",
    );
    expect(&run("automations list"), 0, "link");
    let shown = run("automations show link");
    expect(&shown, 0, "# version 1");
    std::fs::write(directory.path().join("shown.toml"), shown.said).unwrap();
    expect(
        &run("automations apply shown.toml"),
        0,
        "unchanged: link, version 1",
    );
    expect(&run("automations remove link"), 0, "out of use");
    expect(&run("automations remove link"), 1, "no automation");
    expect(&run("automations show link"), 1, "no automation");
}

#[test]
fn an_empty_queue_says_so_and_names_are_checked() {
    let directory = tempfile::tempdir().unwrap();
    let run = |line: &str| hookline(directory.path(), line, "");
    expect(&run("migrate"), 0, "");
    expect(&run("queue"), 0, "nothing waits");
    expect(&run("queue --json"), 0, "[]");
    expect(&run("queue --account 1784"), 0, "nothing waits");
    expect(&run("queue --account ada.bakes"), 1, "ada.bakes");
    expect(&run("queue --class dm"), 2, "live_private_reply");
    let connect = "accounts connect --id 1784 --username ada.bakes";
    expect(&hookline(directory.path(), connect, "t"), 0, "connected");
    expect(&run("queue --account @Ada.Bakes"), 0, "nothing waits");
}

#[test]
fn what_is_not_known_cannot_be_explained_or_replayed() {
    let directory = tempfile::tempdir().unwrap();
    let run = |line: &str| hookline(directory.path(), line, "");
    expect(&run("migrate"), 0, "");
    expect(&run("explain 900"), 1, "nothing is known of 900");
    expect(&run("replay dlv_1"), 1, "no delivery dlv_1");
    expect(&run("replay x"), 2, "dlv_12");
    expect(&run("replay --all-not-interpretable"), 0, "0 deliveries");
    expect(&run("replay"), 2, "Usage");
}

#[test]
fn sends_are_listed_and_only_unknown_ones_settled() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    expect(&hookline(path, "--store sqlite:h.db migrate", ""), 0, "");
    let run = |line: &str| hookline(path, &format!("--store sqlite:h.db sends {line}"), "");
    expect(&run("list"), 0, "SEND");
    expect(&run("list --state unknown --json"), 0, "[]");
    expect(&run("list --state lost"), 2, "there is no state lost");
    expect(&run("settle snd_7 landed"), 1, "there is no send snd_7");
    expect(&run("settle seven landed"), 2, "ids look like snd_12");
    expect(&run("settle snd_7 sent"), 2, "given-up");
}

#[test]
fn the_doctor_works_without_a_database_and_with_a_wrong_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = "http://127.0.0.1:1";
    let file = format!(
        "[server]\nlisten = \"127.0.0.1:1\"\n[meta]\ngraph_url = \"{nowhere}\"\n\
         instagram_graph_url = \"{nowhere}\"\n"
    );
    let path = directory.path().join("hookline.toml");
    std::fs::write(&path, &file).unwrap();
    let told = |line: &str, code: i32, words: &[&str]| {
        let ran = hookline(directory.path(), line, "");
        assert_eq!(ran.code, code, "{}{}", ran.said, ran.complained);
        for words in words {
            assert!(ran.said.contains(words), "{words:?} is not in {}", ran.said);
        }
    };
    let missing = [
        "FAIL  meta.app_secrets",
        "There is no database at hookline.db yet",
        "No server answers at http://127.0.0.1:1: the connection was refused",
    ];
    told("doctor", 1, &missing);
    told("doctor --json", 1, &["\"verdict\": \"fail\""]);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    std::fs::write(&path, format!("{file}api_vresion = \"v26.0\"\n")).unwrap();
    let wrong = ["FAIL  meta.api_vresion", "Nothing else can be looked at"];
    told("doctor", 1, &wrong);
    std::fs::write(&path, file).unwrap();
    told("migrate", 0, &[]);
    told(
        "doctor --account nobody",
        1,
        &["No account nobody is connected."],
    );
    assert_eq!(hookline(directory.path(), "doctor --every", "").code, 2);
    assert_eq!(
        hookline(directory.path(), "doctor --all --account a", "").code,
        2
    );
}
