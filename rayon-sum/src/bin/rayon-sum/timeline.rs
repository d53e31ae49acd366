//! Draws what ran at the same time: a bar for each thread or task, on one time axis.
//!
//! The same file in each program that draws one.

use std::time::Duration;

/// Everything that a program prints fits into this many columns.
const COLUMNS: usize = 79;

/// A row of the picture. Each character of the texts counts as one column.
pub struct Lane {
    /// Stands before the bar.
    pub name: String,
    /// When it was busy, since the start of the picture, without overlaps.
    pub busy: Vec<(Duration, Duration)>,
    /// Stands behind the bar.
    pub note: String,
}

/// One line for each lane, then the axis, which ends when the last lane does.
///
/// The longer a lane was busy within the time of a column, the darker the column.
pub fn draw(lanes: &[Lane]) -> String {
    let name_width = width(lanes.iter().map(|lane| &lane.name));
    let bar_width = COLUMNS - (name_width + width(lanes.iter().map(|lane| &lane.note)) + 4);
    let spans = lanes.iter().flat_map(|lane| &lane.busy);
    let end = spans.map(|&(_, end)| end).max().unwrap_or_default();

    let mut picture = String::new();
    for lane in lanes {
        let mut line = format!("{:name_width$} |", lane.name);
        line.extend((0..bar_width).map(|column| shade(&lane.busy, end, column, bar_width)));
        line += &format!("| {}", lane.note);
        picture += line.trim_end();
        picture += "\n";
    }
    let end = format!("{:.1} ms", end.as_secs_f64() * 1e3);
    let axis_width = bar_width + 1;
    picture + &format!("{:name_width$} 0{end:>axis_width$}\n", "")
}

fn width<'a>(texts: impl Iterator<Item = &'a String>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or(0)
}

/// How much of the time of one column was busy.
fn shade(busy: &[(Duration, Duration)], end: Duration, column: usize, columns: usize) -> char {
    let edge = |column: usize| end.as_secs_f64() * column as f64 / columns as f64;
    let (from, to) = (edge(column), edge(column + 1));
    let mut time = 0.0;
    for (start, end) in busy {
        time += (end.as_secs_f64().min(to) - start.as_secs_f64().max(from)).max(0.0);
    }
    match time / (to - from) {
        0.875.. => '█',
        0.625.. => '▓',
        0.375.. => '▒',
        share if share > 1e-9 => '░', // less comes from rounding at an edge
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
            lane(
                "3",
                &[(0, 10), (20, 25), (30, 31), (40, 47), (690, 699)],
                "",
            ),
        ]);
        let (full, blank) = ("█".repeat(35), " ".repeat(35));
        let third = format!("█ ▒░▓{}█", " ".repeat(64));
        let expected = format!(
            "one |{full}{blank}| 1\n2   |{blank}{full}| 22\n3   |{third}|\n{:4}0{:>71}\n",
            "", "700.0 ms"
        );
        assert_eq!(picture, expected);
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
