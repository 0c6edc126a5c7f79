//! `hookline demo`: the main job in one command, on an empty machine, without configuration.

mod stage;
mod story;

use std::process::ExitCode;

use clap::Args;

use stage::Stage;

/// Options of `hookline demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// End after the story: exit code 0 only if it came out right.
    #[arg(long)]
    once: bool,
}

/// Plays the story; then, without `--once`, keeps everything running until Ctrl-C.
pub async fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    let stage = Stage::build().await?;
    let problems = story::play(&stage).await?;
    for problem in &problems {
        println!("  WRONG      {problem}");
    }
    if !args.once {
        stage.invite();
        let _ = tokio::signal::ctrl_c().await;
    }
    stage.clear().await;
    if problems.is_empty() {
        println!("\nThe story came out right.");
        Ok(ExitCode::SUCCESS)
    } else {
        println!("\nThe story came out wrong in {} places.", problems.len());
        Ok(ExitCode::FAILURE)
    }
}
