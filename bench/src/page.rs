//! docs/PERFORMANCE.md, of the sections that were measured.

use std::fmt::{self, Write as _};

use crate::machine::Machine;
use crate::section::{Bar, Section, Table};

/// What profiles showed, written by hand; the figures of a page are not.
const PROFILES: &str = include_str!("../profiles.md");

/// The whole page.
pub fn write(machine: &Machine, sections: &[Section]) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write_page(&mut page, machine, sections);
    page
}

fn write_page(page: &mut String, machine: &Machine, sections: &[Section]) -> fmt::Result {
    writeln!(page, "# Performance\n")?;
    writeln!(
        page,
        "Written by `cargo xtask bench`; run it to repeat everything below, or \
         `cargo xtask bench --only KEY` to repeat one part (its key stands behind its heading). A \
         figure is the median of the rounds, with the smallest and the largest. Ratios are taken \
         within a round, where both sides saw the same machine, so they hold where the absolute \
         figures do not.\n"
    )?;
    for (name, value) in machine.lines() {
        writeln!(page, "- {name}: {value}")?;
    }
    writeln!(page, "\n## The bars\n")?;
    writeln!(page, "| what | wanted | reached | met |")?;
    writeln!(page, "| --- | --- | --- | --- |")?;
    for bar in sections.iter().flat_map(|section| &section.bars) {
        write_bar(page, bar)?;
    }
    for section in sections {
        writeln!(page, "\n## {} (`{}`)\n", section.title, section.key)?;
        writeln!(page, "{}", section.text.trim())?;
        for table in &section.tables {
            write_table(page, table)?;
        }
    }
    write!(page, "\n{PROFILES}")
}

fn write_bar(page: &mut String, bar: &Bar) -> fmt::Result {
    let verdict = if bar.is_met { "yes" } else { "**no**" };
    let cells = [&bar.what, &bar.wanted, &bar.reached].map(|text| cell(text));
    writeln!(page, "| {} | {verdict} |", cells.join(" | "))
}

fn write_table(page: &mut String, table: &Table) -> fmt::Result {
    let line = |cells: &[String]| {
        let cells: Vec<_> = cells.iter().map(|text| cell(text)).collect();
        format!("| {} |", cells.join(" | "))
    };
    writeln!(page, "\n{}", line(&table.columns))?;
    writeln!(page, "|{}", " --- |".repeat(table.columns.len()))?;
    for row in &table.rows {
        writeln!(page, "{}", line(row))?;
    }
    Ok(())
}

/// Text that ends neither its cell nor its row.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(key: &str, is_met: bool) -> Section {
        Section {
            key: key.to_owned(),
            title: format!("About {key}"),
            text: "How.\n".to_owned(),
            tables: vec![Table {
                columns: vec!["a|b".to_owned(), "c".to_owned()],
                rows: vec![vec!["1".to_owned(), "2\n3".to_owned()]],
            }],
            bars: vec![Bar {
                what: format!("{key} a second"),
                wanted: "at least 5".to_owned(),
                reached: "6".to_owned(),
                is_met,
            }],
        }
    }

    #[test]
    fn all_bars_stand_in_one_table_before_the_parts() {
        let machine = Machine::of([("Cores", "2".to_owned())]);
        let page = write(&machine, &[section("one", true), section("two", false)]);
        let bars = "| what | wanted | reached | met |\n| --- | --- | --- | --- |\n\
                    | one a second | at least 5 | 6 | yes |\n\
                    | two a second | at least 5 | 6 | **no** |\n\n## About one (`one`)\n";
        assert!(page.contains(bars), "{page}");
        assert!(page.contains("- Cores: 2\n"), "{page}");
    }

    #[test]
    fn what_is_in_a_cell_stays_in_it() {
        let page = write(&Machine::of([]), &[section("one", true)]);
        let table = "How.\n\n| a\\|b | c |\n| --- | --- |\n| 1 | 2 3 |\n";
        assert!(page.contains(table), "{page}");
    }
}
