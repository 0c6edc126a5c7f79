//! The story: a comment that matches, one that does not, and a redelivery.

use std::time::Duration;

use anyhow::Context as _;
use hookline_model::clock::Timestamp;
use hookline_sim::world::comments::CommentDraft;
use hookline_sim::world::inspect::{Sent, SentKind};
use hookline_store::records::Story;

use super::stage::{AUTOMATION, Stage, now};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The longest any chapter may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What "on time" means for the DM.
const EARLIEST: Duration = Duration::from_secs(10);
const LATEST: Duration = Duration::from_millis(10_500);

/// Plays every chapter and answers what came out wrong.
pub(super) async fn play(stage: &Stage) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    let comment = matching_comment(stage, &mut problems).await?;
    other_comment(stage, &mut problems).await?;
    redelivery(stage, &comment, &mut problems).await?;
    Ok(problems)
}

async fn matching_comment(stage: &Stage, problems: &mut Vec<String>) -> anyhow::Result<String> {
    println!("\n1. ada.bakes comments: \"LINK please!\"");
    let began = now();
    let comment = write_comment(stage, "ada.bakes", "LINK please!")?;
    let story = wait_for(stage, &comment, |story| !story.runs.is_empty()).await?;
    tell_receipt(&story, began);
    tell_runs(&story);
    let due = story
        .sends
        .first()
        .and_then(|send| send.due_at)
        .context("nothing was planned")?;
    say(
        "due",
        &format!("in {} s, at {due}", due.since(now()).as_secs_f32().round()),
    );
    let story = wait_for(stage, &comment, |story| {
        story
            .sends
            .iter()
            .all(|send| send.state == "accepted" && send.echoed_at.is_some())
    })
    .await?;
    let sent = sent_to(stage, "ada.bakes");
    let [dm] = sent.as_slice() else {
        problems.push(format!("ada.bakes got {} DMs instead of one", sent.len()));
        return Ok(comment);
    };
    let after = Timestamp::from_millis(dm.at_ms).since(began);
    let words = dm.text.as_deref().unwrap_or_default();
    say(
        "sent",
        &format!(
            "{:.2} s after the comment: \"{words}\"",
            after.as_secs_f32()
        ),
    );
    if after < EARLIEST || after > LATEST {
        problems.push(format!(
            "the DM came {:.2} s after the comment",
            after.as_secs_f32()
        ));
    }
    if let Some(at) = story.sends.first().and_then(|send| send.echoed_at) {
        say(
            "echo",
            &format!("confirmed the DM at {at}; it triggered nothing"),
        );
    }
    Ok(comment)
}

async fn other_comment(stage: &Stage, problems: &mut Vec<String>) -> anyhow::Result<()> {
    println!("\n2. bob comments: \"so pretty\"");
    let began = now();
    let comment = write_comment(stage, "bob", "so pretty")?;
    let story = wait_for(stage, &comment, |story| !story.runs.is_empty()).await?;
    tell_receipt(&story, began);
    tell_runs(&story);
    if !story.sends.is_empty() {
        problems.push("something is owed to bob, whose comment does not match".to_owned());
    }
    Ok(())
}

async fn redelivery(
    stage: &Stage,
    comment: &str,
    problems: &mut Vec<String>,
) -> anyhow::Result<()> {
    println!("\n3. Meta delivers the comment of ada.bakes a second time");
    let before = now();
    stage
        .world()
        .repeat_comment_event(before.as_millis(), comment)?;
    let story = wait_for(stage, comment, |story| story.deliveries.len() > 1).await?;
    tell_receipt(&story, before);
    say(
        "known",
        &format!("told {} times, one event", story.deliveries.len()),
    );
    // A second DM would be due at the same distance as the first; look again after that.
    tokio::time::sleep(LATEST).await;
    let sent = sent_to(stage, "ada.bakes").len();
    say("sent", &format!("nothing more: ada.bakes has {sent} DM"));
    if sent != 1 {
        problems.push(format!("ada.bakes has {sent} DMs after the redelivery"));
    }
    let everything = stage.world().sent().len();
    if everything != 1 {
        problems.push(format!(
            "{everything} things were sent in all, instead of one"
        ));
    }
    Ok(())
}

fn write_comment(stage: &Stage, person: &str, text: &str) -> anyhow::Result<String> {
    let draft = CommentDraft::new(stage.account.ig_id.as_str(), person, text);
    Ok(stage.world().comment(now().as_millis(), draft)?)
}

fn sent_to(stage: &Stage, person: &str) -> Vec<Sent> {
    let sent = stage.world().sent();
    sent.into_iter()
        .filter(|sent| {
            sent.person.as_deref() == Some(person)
                && matches!(sent.kind, SentKind::PrivateReply | SentKind::Message)
        })
        .collect()
}

/// Looks until the story of the comment is as wanted, within [`PATIENCE`].
async fn wait_for(
    stage: &Stage,
    comment: &str,
    is_wanted: impl Fn(&Story) -> bool,
) -> anyhow::Result<Story> {
    let began = now();
    let mut last = None;
    while now().since(began) < PATIENCE {
        let story = stage.store().find_story(comment.to_owned(), now()).await?;
        match story {
            Some(story) if is_wanted(&story) => return Ok(story),
            story => last = story,
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    anyhow::bail!(
        "waited {} s in vain; this is what is known: {last:#?}",
        PATIENCE.as_secs()
    )
}

fn tell_receipt(story: &Story, began: Timestamp) {
    if let Some(delivery) = story.deliveries.last() {
        let after = delivery.received_at.since(began).as_millis();
        say("received", &format!("{} in {after} ms", delivery.id));
    }
}

fn tell_runs(story: &Story) {
    for run in &story.runs {
        let because = &run.because;
        let verdict = match run.verdict {
            hookline_store::planning::Verdict::Matched => "matched",
            hookline_store::planning::Verdict::NotMatched => "no match",
            hookline_store::planning::Verdict::Skipped => "skipped",
            hookline_store::planning::Verdict::Lost => "lost",
        };
        say(
            verdict,
            &format!(
                "{}, because {} wants {} and the comment says \"{}\"",
                run.automation, because.condition, because.expected, because.actual
            ),
        );
    }
    if story.runs.is_empty() {
        say("no match", &format!("{AUTOMATION} was not considered"));
    }
}

fn say(what: &str, words: &str) {
    println!("  {what:<10} {words}");
}
