//! Draws what ran at the same time: a bar for each thread or task, on one time axis.
//!
//! The same file in each program that draws one.

use std::fmt::Write;
use std::time::Duration;

/// All that a program prints fits into this many columns.
const COLUMNS: usize = 79;

/// Leaves 20 columns and more for the bar.
const LONGEST: usize = 27;

/// A row of the picture.
///
/// Name and note are cut after `LONGEST` characters. They are the caller's to escape; each
/// character counts as one column.
pub struct Lane {
    /// Stands before the bar.
    pub name: String,
    /// From when to when it was busy, since the start of the picture; each time once.
    pub busy: Vec<(Duration, Duration)>,
    /// Stands behind the bar.
    pub note: String,
}

/// One line for each lane, then the axis, which ends when the last lane does.
///
/// A column of a bar is the darker the more of its time was busy, and not blank if any was.
pub fn draw(lanes: &[Lane]) -> String {
    let longest = |text: fn(&Lane) -> &String| {
        let lengths = lanes.iter().map(|lane| text(lane).chars().count());
        lengths.max().unwrap_or(0).min(LONGEST)
    };
    let (name_width, note_width) = (longest(|lane| &lane.name), longest(|lane| &lane.note));
    let bar_width = COLUMNS - (name_width + note_width + 4);
    let spans = lanes.iter().flat_map(|lane| &lane.busy);
    let end = spans.map(|&(_, end)| end).max().unwrap_or_default();

    let mut picture = String::new();
    for lane in lanes {
        let bar: String = (0..bar_width)
            .map(|column| shade(&lane.busy, end, column, bar_width))
            .collect();
        let (name, note) = (&lane.name, &lane.note);
        // Writing to a `String` cannot fail.
        let _ = write!(
            picture,
            "{name:name_width$.name_width$} |{bar}| {note:.note_width$}"
        );
        picture.truncate(picture.trim_end().len());
        picture.push('\n');
    }
    let end = format!("{:.1} ms", end.as_secs_f64() * 1e3);
    let _ = writeln!(
        picture,
        "{:name_width$} 0{end:>axis$}",
        "",
        axis = bar_width + 1
    );
    picture
}

/// How much of one column's time was busy.
fn shade(busy: &[(Duration, Duration)], end: Duration, column: usize, columns: usize) -> char {
    let edge = |column: usize| end.as_secs_f64() * column as f64 / columns as f64;
    let (from, to) = (edge(column), edge(column + 1));
    let within = |&(start, end): &(Duration, Duration)| {
        (end.as_secs_f64().min(to) - start.as_secs_f64().max(from)).max(0.0)
    };
    let share = busy.iter().map(within).sum::<f64>() / (to - from);
    match share {
        0.875.. => '█',
        0.625.. => '▓',
        0.375.. => '▒',
        share if share > 1e-9 => '░', // not what rounding leaves at an edge
        _ => ' ',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In milliseconds.
    fn lane(name: &str, busy: &[(u64, u64)], note: &str) -> Lane {
        let span = |&(start, end)| (Duration::from_millis(start), Duration::from_millis(end));
        Lane {
            name: name.into(),
            busy: busy.iter().map(span).collect(),
            note: note.into(),
        }
    }

    #[test]
    fn bars_stand_where_the_time_was_spent() {
        // 79 columns: 3 of names, 2 of notes, 4 of frame, 70 of bars; so 10 ms a column.
        let picture = draw(&[
            lane("one", &[(0, 350)], "1"),
            lane("2", &[(350, 700)], "22"),
            lane("3", &[(0, 10), (20, 25), (30, 31), (690, 699)], ""),
        ]);
        let (full, blank) = ("█".repeat(35), " ".repeat(35));
        let third = format!("█ ▒░{}█", " ".repeat(65));
        let expected = format!(
            "one |{full}{blank}| 1\n2   |{blank}{full}| 22\n3   |{third}|\n{:4}0{:>71}\n",
            "", "700.0 ms"
        );
        assert_eq!(picture, expected);
    }

    #[test]
    fn nothing_is_wider_than_a_terminal() {
        let long = "long ".repeat(40);
        let picture = draw(&[lane(&long, &[(5, 7)], &long), lane("", &[], "")]);
        for line in picture.lines() {
            assert!(line.chars().count() <= COLUMNS, "{line}");
        }
    }

    #[test]
    fn nothing_measured_is_no_bar() {
        let blank = " ".repeat(74);
        let expected = format!("a |{blank}|\n  0{:>75}\n", "0.0 ms");
        assert_eq!(draw(&[lane("a", &[], "")]), expected);
        let instant = draw(&[lane("a", &[(0, 0)], "")]);
        assert_eq!(instant, expected);
    }
}
