//! Takes one step as often as it is told, for a counter that watches from outside.
//!
//! `count STEP BEFORE TIMES` takes it `BEFORE` times to warm up and then `TIMES` times inside of
//! [`counted`], which is the function the counter looks for. Without arguments it prints the steps
//! there are, one on a line, with what each does.

#![expect(
    clippy::print_stdout,
    reason = "this is a command-line program: what it prints is its work"
)]

use anyhow::{Context, bail};
use hookline_micro::{STEPS, Take};

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.as_slice() {
        [] => {
            for step in STEPS {
                println!("{}\t{}", step.name, step.what);
            }
            Ok(())
        }
        [name, before, times] => take(name, before.parse()?, times.parse()?),
        _ => bail!("usage: count [STEP BEFORE TIMES]"),
    }
}

fn take(name: &str, before: u32, times: u32) -> anyhow::Result<()> {
    let step = STEPS.iter().find(|step| step.name == name);
    let step = step.with_context(|| format!("there is no step {name}"))?;
    let mut take = (step.prepare)()?;
    for _ in 0..before {
        take()?;
    }
    for _ in 0..times {
        counted(&mut take)?;
    }
    Ok(())
}

/// Everything that happens in here is counted, and nothing else.
#[inline(never)]
fn counted(take: &mut Take) -> anyhow::Result<()> {
    take()
}
