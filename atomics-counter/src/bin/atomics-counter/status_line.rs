//! A line on standard error that is written over again and again, and removed at the end.
//!
//! The same file in each program that has one.

use std::io::{self, IsTerminal, Write};

/// Shown only where standard error is a terminal.
pub struct StatusLine {
    terminal: bool,
    shown: bool,
}

impl StatusLine {
    pub fn new() -> Self {
        Self {
            terminal: io::stderr().is_terminal(),
            shown: false,
        }
    }

    /// Whether there is anybody to show something to.
    pub fn is_visible(&self) -> bool {
        self.terminal
    }

    /// Shows `text` in place of what was shown before, cut at the edge of the terminal.
    pub fn show(&mut self, text: &str) {
        if self.terminal {
            // Without wrapping at the edge (`?7l`), a line that is too long for a narrow terminal
            // does not scroll. What cannot be written is not missed.
            let _ = write!(io::stderr(), "\r\x1b[?7l{text}\x1b[K\x1b[?7h");
            self.shown = true;
        }
    }
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
