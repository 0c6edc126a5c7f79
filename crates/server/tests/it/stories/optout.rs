use hookline_sim::world::accounts::NewAccount;
use hookline_sim::world::comments::CommentDraft;
use hookline_sim::world::media::NewMedia;
use hookline_sim::world::messages::{MessageDraft, PostbackDraft};
use hookline_sim::{ErrorSpec, FaultRule, Trouble};
use serde_json::{Value, json};

use crate::stage::{Stage, now};

impl Stage {
    /// Ada and her like write to the account at this time.
    fn say_at(&self, at: i64, person: &str, text: &str) -> String {
        let draft = MessageDraft::text(self.account.ig_id.as_str(), person, text);
        self.world().message(at, draft).unwrap()
    }

    fn tap(&self, person: &str, title: &str, payload: &str) -> String {
        let draft = PostbackDraft {
            account: self.account.ig_id.clone(),
            person: person.to_owned(),
            title: title.to_owned(),
            payload: payload.to_owned(),
            ..PostbackDraft::default()
        };
        self.world().postback(now(), draft).unwrap().unwrap()
    }

    fn tap_quick_reply(&self, person: &str, title: &str, payload: &str) -> String {
        let draft = MessageDraft {
            quick_reply: Some(payload.to_owned()),
            ..MessageDraft::text(self.account.ig_id.as_str(), person, title)
        };
        self.world().message(now(), draft).unwrap()
    }

    /// The verdict on the next comment of each of these people.
    async fn verdicts_for(&self, people: &[String]) -> Vec<String> {
        let mut verdicts = Vec::new();
        for person in people {
            let comment = self.comment(person, "link");
            let said = self.verdicts(&comment).await;
            verdicts.push(format!("{person}: {}", said.join(", ")));
        }
        verdicts
    }
}

/// As many names as there are ways to say something.
fn people(count: usize) -> Vec<String> {
    (1..=count)
        .map(|number| format!("person{number}"))
        .collect()
}

fn all(people: &[String], verdict: &str) -> Vec<String> {
    let line = |person: &String| format!("{person}: link: {verdict}");
    people.iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_is_heard_in_many_languages_and_however_it_is_written() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    let words = [
        "STOP",
        "stop!!",
        " Stop. ",
        "stop 🛑",
        "ＳＴＯＰ",
        "s\u{200B}top",
        "Unsubscribe",
        "Abmelden!",
        "désabonner",
        "DESABONNER",
        "BAJA",
        "sair",
        "disiscrivimi",
        "uitschrijven",
        "wypisz mnie",
        "İPTAL",
        "отписаться",
        "відписатися",
        "ΔΙΑΓΡΑΦΗ",
        "إلغاء الاشتراك",
        "הסר",
        "बंद करो।",
        "berhenti",
        "ยกเลิกรับข้อความ",
        "Hủy đăng ký",
        "配信停止！",
        "수신거부",
        "退订",
        "退訂",
    ];
    let people = people(words.len());
    for (person, word) in people.iter().zip(words) {
        let mid = stage.say_at(now(), person, word);
        stage.explained(&mid, |_| true).await;
    }
    assert_eq!(stage.verdicts_for(&people).await, all(&people, "skipped"));
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_is_heard_in_every_way_a_person_can_say_it() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    let acme = stage.account.ig_id.clone();
    let people = people(6);
    let story_reply = |person: &str| stage.world().story_reply(now(), &acme, person, "stop");
    let away = |other: Option<&str>| {
        let mut world = stage.world();
        world
            .set_thread_owner(now(), &acme, &people[5], other)
            .unwrap();
    };
    away(Some("42"));
    let heard = [
        stage.tap_quick_reply(&people[0], "Stop", "FLOW:7"),
        stage.tap_quick_reply(&people[1], "No more of these", "STOP"),
        story_reply(&people[2]).unwrap(),
        stage.tap(&people[3], "Stop", "FLOW:7"),
        stage.tap(&people[4], "No more of these", "STOP"),
        // While another app, or a person in its inbox, has the conversation.
        stage.say_at(now(), &people[5], "stop"),
    ];
    for mid in &heard {
        stage.explained(mid, |_| true).await;
    }
    let standby = stage.explained(&heard[5], |_| true).await;
    assert_eq!(standby["ignored"], "standby");
    away(None);
    assert_eq!(stage.verdicts_for(&people).await, all(&people, "skipped"));
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_sounds_like_stop_is_none() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    let said = [
        "stop it, I love it",
        "don't stop",
        "nonstop",
        "please stop by our shop",
        "Dur !",
        "Đúng",
        "Huy",
        "די 😍",
        "td",
    ];
    let people = people(said.len() + 2);
    for (person, text) in people.iter().zip(said) {
        let mid = stage.say_at(now(), person, text);
        stage.explained(&mid, |_| true).await;
    }
    // A comment is said to everybody, and a payload does not speak for a person who starts.
    let comment = stage.comment(&people[said.len()], "stop");
    stage.explained(&comment, |_| true).await;
    let stop = stage.say_at(now(), &people[said.len() + 1], "stop");
    stage.explained(&stop, |_| true).await;
    let tap = stage.tap(&people[said.len() + 1], "Take the quiz", "START");
    stage.explained(&tap, |_| true).await;
    let mut expected = all(&people, "matched");
    *expected.last_mut().unwrap() = all(&people, "skipped").pop().unwrap();
    assert_eq!(stage.verdicts_for(&people).await, expected);
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opted_out_contact_gets_neither_private_reply_nor_dm_and_explain_says_why() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    let dm = json!({
        "trigger": {"on": ["message", "postback"]},
        "match": {"mode": "any"},
        "steps": [{"do": "dm", "text": "Hello"}],
    });
    stage.publish("hello", dm).await;
    let stop = stage.say_at(now(), "ada", "STOP");
    assert_eq!(stage.verdicts(&stop).await, ["hello: skipped"]);
    let later = stage.say_at(now(), "ada", "how much is it?");
    let tap = stage.tap("ada", "Prices", "PRICES");
    let comment = stage.comment("ada", "link");
    for (subject, automation) in [(&later, "hello"), (&tap, "hello"), (&comment, "link")] {
        let story = stage
            .explained(subject, |story| !story["runs"][0].is_null())
            .await;
        let run = &story["runs"][0];
        assert_eq!(run["automation"], automation);
        assert_eq!(run["verdict"], "skipped", "{story:#}");
        assert_eq!(run["because"]["condition"], "contact");
        assert_eq!(
            run["because"]["expected"],
            "a contact who has not asked to stop"
        );
        let actual = run["because"]["actual"].as_str().unwrap();
        assert!(actual.starts_with("opted out since 20"), "{actual}");
        let summary = story["summary"].as_str().unwrap();
        assert!(
            summary.contains("the person has asked to get no more messages"),
            "{summary}"
        );
        assert_eq!(story["sends"], json!([]));
    }
    let start = stage.say_at(now(), "ada", "start!");
    stage.settled(&start, "accepted").await;
    assert_eq!(stage.reached_exactly(1).await, ["ada: Hello"]);
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn start_is_heard_as_a_tap_too() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    let stop = stage.say_at(now(), "ada", "стоп");
    stage.explained(&stop, |_| true).await;
    let start = stage.tap("ada", "Start", "FLOW:42:START");
    stage.explained(&start, |_| true).await;
    let comment = stage.comment("ada", "link");
    stage.settled(&comment, "accepted").await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_planned_before_the_stop_is_refused_when_it_would_leave() {
    let stage = Stage::build().await;
    let steps = json!([
        {"do": "private_reply", "text": "Here it is"},
        {"do": "public_reply", "texts": ["Sent you a DM!"]},
    ]);
    stage.publish("link", json!({"steps": steps})).await;
    let dm = json!({
        "trigger": {"on": "message"},
        "match": {"mode": "word", "any": ["price"]},
        "steps": [{"do": "dm", "text": "It is 5"}],
    });
    stage.publish("price", dm).await;
    let not_now = || {
        let spec = ErrorSpec {
            status: 500,
            code: 2,
            subcode: Some(1_545_133),
            message: None,
            is_transient: Some(true),
            regain_minutes: None,
        };
        Trouble::Error(spec)
    };
    for endpoint in ["public_reply", "send_message"] {
        let rule = FaultRule {
            times: 0,
            ..FaultRule::once(endpoint, not_now())
        };
        stage.world().script_fault(rule).unwrap();
    }
    let comment = stage.comment("ada", "link");
    let message = stage.say_at(now(), "ada", "price?");
    let is_tried = |send: &Value| !send["attempts"].as_array().unwrap().is_empty();
    stage
        .explained(&comment, |story| {
            let sends = story["sends"].as_array().unwrap();
            sends.len() == 2 && sends.iter().all(is_tried)
        })
        .await;
    stage
        .explained(&message, |story| is_tried(&story["sends"][0]))
        .await;
    let stop = stage.say_at(now(), "ada", "stop");
    stage.explained(&stop, |_| true).await;
    stage.world().clear_faults();
    let is_refused = |send: &Value| send["state"] == "refused" && send["reason"] == "opted_out";
    stage
        .explained(&comment, |story| is_refused(&story["sends"][1]))
        .await;
    stage
        .explained(&message, |story| is_refused(&story["sends"][0]))
        .await;
    assert_eq!(stage.reached_exactly(1).await, ["ada: Here it is"]);
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wish_is_for_one_account() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    let other = {
        let mut world = stage.world();
        let other = world
            .create_account(now(), NewAccount::named("other"))
            .unwrap();
        let media = NewMedia {
            account: other.ig_id.clone(),
            ..NewMedia::default()
        };
        world.create_media(now(), media).unwrap();
        other
    };
    stage.connect_account(&other, &other.token).await;
    let stop = stage.say_at(now(), "ada", "stop");
    stage.explained(&stop, |_| true).await;
    let draft = CommentDraft::new(other.ig_id.as_str(), "ada", "link");
    let comment = stage.world().comment(now(), draft).unwrap();
    stage.settled(&comment, "accepted").await;
    let comment = stage.comment("ada", "link");
    assert_eq!(stage.verdicts(&comment).await, ["link: skipped"]);
    stage.reached_exactly(1).await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newer_wish_holds_in_whatever_order_they_come() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    // Delivered in this order, written in the order of their times.
    let (older, newer) = (now() - 60_000, now() - 30_000);
    let people = people(4);
    for (person, first, second) in [
        (&people[0], (newer, "start"), (older, "stop")),
        (&people[1], (newer, "stop"), (older, "start")),
        (&people[2], (older, "stop"), (newer, "start")),
        (&people[3], (older, "start"), (newer, "stop")),
    ] {
        for (at, text) in [first, second] {
            let mid = stage.say_at(at, person, text);
            stage.explained(&mid, |_| true).await;
        }
    }
    assert_eq!(
        stage.verdicts_for(&people).await,
        [
            "person1: link: matched",
            "person2: link: skipped",
            "person3: link: matched",
            "person4: link: skipped"
        ]
    );
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_stop_does_not_undo_a_later_start() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    let replay = async |mid: &str| {
        let story = stage.explained(mid, |_| true).await;
        let delivery = story["deliveries"][0]["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/deliveries/{delivery}/replay");
        let (status, _) = stage.call("POST", &path, None).await;
        assert_eq!(status, 202);
        let is_replayed = |delivery: &Value| delivery["status"] == "replayed";
        stage
            .explained(mid, |story| {
                story["deliveries"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(is_replayed)
            })
            .await;
    };
    let stop = stage.say_at(now(), "ada", "stop");
    stage.explained(&stop, |_| true).await;
    let start = stage.say_at(now(), "ada", "start");
    stage.explained(&start, |_| true).await;
    replay(&stop).await;
    let comment = stage.comment("ada", "link");
    stage.settled(&comment, "accepted").await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_from_before_the_account_was_connected_counts_by_its_own_time() {
    let stage = Stage::build().await;
    stage.publish("link", json!({})).await;
    let other = {
        let mut world = stage.world();
        let other = world
            .create_account(now(), NewAccount::named("other"))
            .unwrap();
        let media = NewMedia {
            account: other.ig_id.clone(),
            ..NewMedia::default()
        };
        world.create_media(now(), media).unwrap();
        other
    };
    let say = |person: &str, text: &str| {
        let draft = MessageDraft::text(other.ig_id.as_str(), person, text);
        stage.world().message(now(), draft).unwrap()
    };
    let stops = [say("ada", "stop"), say("bob", "stop")];
    let mut deliveries = Vec::new();
    for stop in &stops {
        let story = stage.explained(stop, |_| true).await;
        assert_eq!(story["ignored"], "account_unknown");
        deliveries.push(story["deliveries"][0]["id"].as_str().unwrap().to_owned());
    }
    stage.connect_account(&other, &other.token).await;
    let start = say("ada", "start");
    stage.explained(&start, |_| true).await;
    for (stop, delivery) in stops.iter().zip(deliveries) {
        let path = format!("/api/v1/deliveries/{delivery}/replay");
        stage.call("POST", &path, None).await;
        stage
            .explained(stop, |story| story["ignored"].is_null())
            .await;
    }
    for (person, verdict) in [("ada", "link: matched"), ("bob", "link: skipped")] {
        let draft = CommentDraft::new(other.ig_id.as_str(), person, "link");
        let comment = stage.world().comment(now(), draft).unwrap();
        assert_eq!(stage.verdicts(&comment).await, [verdict], "{person}");
    }
    stage.clear().await;
}
