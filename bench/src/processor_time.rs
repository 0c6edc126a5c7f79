//! What the system says programs have spent.

use std::fs;
use std::time::Duration;

/// What this program has spent, to a hundredth of a second; `None` where the system does not tell.
pub fn of_this() -> Option<Duration> {
    of(std::process::id())
}

/// What a program has spent, those it started apart.
pub fn of(id: u32) -> Option<Duration> {
    Some(read(id)?.spent)
}

/// What a program and all that it started, and they in turn, have spent.
pub fn of_family(id: u32) -> Option<Duration> {
    let own = of(id)?;
    let others = descendants(id).into_iter().filter_map(of);
    Some(others.fold(own, Duration::saturating_add))
}

/// All that a program started and that is running, and what these started in turn.
pub fn descendants(id: u32) -> Vec<u32> {
    let running: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|id| Some((id, read(id)?.parent)))
        .collect();
    let mut family = vec![id];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        let children = running.iter().filter(|(_, of)| *of == parent);
        family.extend(children.map(|(child, _)| *child));
        next += 1;
    }
    family.split_off(1)
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    spent: Duration,
}

fn read(id: u32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
}

/// Parent, and user and system time, of a program's `stat`, where Linux counts in hundredths of a
/// second.
fn parse(stat: &str) -> Option<Stat> {
    // The name before the closing bracket may hold spaces; the parent is field 4 of all, user time
    // field 14.
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ').skip(1);
    let parent = fields.next()?.parse().ok()?;
    let mut fields = fields.skip(9);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let spent = Duration::from_millis(user.checked_add(system)?.checked_mul(10)?);
    Some(Stat { parent, spent })
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_line_is_read_past_an_odd_name() {
        let stat = "42 (a ) b) S 7 42 42 0 -1 4194304 100 0 0 0 150 25 0 0 20 0 3 0 900 1 2";
        let wanted = Stat {
            parent: 7,
            spent: Duration::from_millis(1750),
        };
        assert_eq!(parse(stat), Some(wanted));
        assert_eq!(parse("42"), None);
    }

    #[test]
    fn whoever_was_started_belongs_to_the_family() {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let family = descendants(std::process::id());
        assert!(family.contains(&child.id()), "{family:?}");
        // In this order, for what is spent grows between the two readings.
        let alone = of_this().unwrap();
        assert!(of_family(std::process::id()).unwrap() >= alone);
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}
