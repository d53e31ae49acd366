//! The demonstration: a text of its own, and a picture of when each thread was busy.

use crate::count::{Span, Threads, Trace, count};
use crate::inputs::blocks;
use crate::timeline::{self, Lane};
use crate::vocabulary::Vocabulary;
use std::io;
use std::time::Instant;

/// The first chapter of the King James Bible, of 1611.
const TEXT: &[u8] = include_bytes!("genesis.txt");

/// Times the text, so that counting takes long against starting threads.
const TIMES: usize = 1_000;

/// Makes many blocks of it, so that there is something to see.
const BLOCK_SIZE: usize = 64 * 1024;

/// Workers that the picture has room for.
const SHOWN: usize = 5;

/// The counts, and the picture.
pub fn demo(threads: Threads) -> io::Result<(Vocabulary, String)> {
    let text = TEXT.repeat(TIMES);
    let (start, mut traces) = (Instant::now(), Vec::new());
    let blocks = blocks("Genesis 1".into(), Ok(&*text), BLOCK_SIZE);
    let vocabulary = count(threads, blocks, |trace| traces.push(trace))?;
    Ok((vocabulary, picture(start, &traces)))
}

/// A bar for the source, each worker and the sink, and how much of the time they were busy.
fn picture(start: Instant, traces: &[Trace]) -> String {
    let lane = |name: String, spans: &mut dyn Iterator<Item = Span>| Lane {
        name,
        busy: spans.map(|(from, to)| (from - start, to - start)).collect(),
        note: String::new(),
    };
    let workers = traces.iter().map(|trace| trace.worker + 1).max();
    let workers = workers.unwrap_or(0);
    let mut lanes = vec![lane(
        "source".into(),
        &mut traces.iter().map(|trace| trace.read),
    )];
    for worker in 0..workers.min(SHOWN) {
        let own = traces.iter().filter(|trace| trace.worker == worker);
        let name = format!("worker {}", worker + 1);
        lanes.push(lane(name, &mut own.map(|trace| trace.counted)));
    }
    lanes.push(lane(
        "sink".into(),
        &mut traces.iter().map(|trace| trace.merged),
    ));

    let ends = traces.iter().map(|trace| trace.merged.1);
    let end = ends.max().map_or(0.0, |end| (end - start).as_secs_f64());
    for lane in &mut lanes {
        let busy: f64 = lane
            .busy
            .iter()
            .map(|(from, to)| (*to - *from).as_secs_f64())
            .sum();
        lane.note = format!("{:3.0} % busy", 100.0 * busy / end);
    }
    if workers > SHOWN {
        lanes[SHOWN].note += &format!(", and {} more", workers - SHOWN);
    }
    timeline::draw(&lanes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_picture_has_room_for_many_workers() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let trace = |worker: usize| Trace {
            read: (at(0), at(10)),
            counted: (at(10), at(90)),
            merged: (at(90), at(100)),
            worker,
        };
        let traces: Vec<_> = (0..200).map(trace).collect();
        let picture = picture(start, &traces);
        assert_eq!(picture.lines().count(), 8, "{picture}");
        assert!(
            picture.contains("|  80 % busy, and 195 more\n"),
            "{picture}"
        );
        for line in picture.lines() {
            assert!(line.chars().count() <= 79, "{picture}");
        }
    }
}
