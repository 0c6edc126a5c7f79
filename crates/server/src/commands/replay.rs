//! `hookline replay`: deliveries are interpreted again.
#![expect(
    clippy::print_stdout,
    reason = "what a command finds out goes to the terminal"
)]

use std::process::ExitCode;

use clap::Args;
use hookline_model::clock::Clock as _;
use hookline_model::ids::DeliveryId;
use hookline_store::records::{DeliveryFilter, DeliveryStatus};
use hookline_store::{PageRequest, Store};

use super::{NOT_FOUND, WRONG_INPUT, complain, open_existing};
use crate::clock::SystemClock;
use crate::http::api::delivery_id;

/// Deliveries read at once.
const PAGE: u32 = 500;

/// Which deliveries are to be interpreted again. Events that already took effect do not take
/// effect again.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The delivery, such as `dlv_12`.
    #[arg(required_unless_present = "all_not_interpretable")]
    delivery: Option<String>,
    /// Every delivery nothing could be made of, such as after an upgrade.
    #[arg(long, conflicts_with = "delivery")]
    all_not_interpretable: bool,
}

/// Asks for the replay on the database of `store_url`; a running server does it within moments.
/// Answers 1 when there is no such delivery and 2 when its id is no id.
pub async fn run(args: ReplayArgs, store_url: &str) -> anyhow::Result<ExitCode> {
    let Some(text) = args.delivery else {
        let store = open_existing(store_url)?;
        let count = replay_all(&store).await?;
        store.close().await;
        let noun = if count == 1 { "delivery" } else { "deliveries" };
        println!("asked for {count} {noun} to be interpreted again");
        return Ok(ExitCode::SUCCESS);
    };
    let Some(id) = delivery_id(&text) else {
        complain(&format!(
            "{text} is not the id of a delivery: ids look like dlv_12"
        ));
        return Ok(ExitCode::from(WRONG_INPUT));
    };
    let store = open_existing(store_url)?;
    if store.request_replay(id, SystemClock.now()).await? {
        store.close().await;
        println!("asked for {id} to be interpreted again");
        Ok(ExitCode::SUCCESS)
    } else {
        complain(&format!("there is no delivery {id}"));
        Ok(ExitCode::from(NOT_FOUND))
    }
}

async fn replay_all(store: &Store) -> anyhow::Result<usize> {
    let filter = DeliveryFilter {
        status: Some(DeliveryStatus::NotInterpretable),
    };
    let (mut count, mut before) = (0, None);
    loop {
        let request = PageRequest {
            before,
            limit: PAGE,
        };
        let page = store.list_deliveries(filter.clone(), request).await?;
        let ids: Vec<DeliveryId> = page.items.iter().map(|delivery| delivery.id).collect();
        for id in ids {
            if store.request_replay(id, SystemClock.now()).await? {
                count += 1;
            }
        }
        before = page.next_before;
        if before.is_none() {
            return Ok(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: ReplayArgs,
    }

    #[test]
    fn one_delivery_or_all_that_were_not_interpretable() {
        let parse = |line: &str| Line::try_parse_from(line.split(' ')).map(|line| line.args);
        assert_eq!(
            parse("replay dlv_12").expect("right").delivery.as_deref(),
            Some("dlv_12")
        );
        assert!(
            parse("replay --all-not-interpretable")
                .expect("right")
                .all_not_interpretable
        );
        assert!(parse("replay").is_err());
        assert!(parse("replay dlv_12 --all-not-interpretable").is_err());
    }
}
