//! What an endpoint looks like, and where endpoints come from.

use futures::stream::{self, Stream};
use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::net::SocketAddrV6;
use std::num::NonZero;
use std::str::{self, FromStr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use tokio::sync::mpsc;

/// Endpoints read ahead of the probes, so that these need not wait for the reader's thread.
const READ_AHEAD: usize = 1024;

/// Bytes from which a line cannot be an endpoint: the longest name of a host has 253.
const LONGEST_LINE: u64 = 1024;

/// `HOST:PORT`, `[IPV6]:PORT`: known to be well-formed.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint(String);

impl Endpoint {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not an endpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Malformed {
    NoHost,
    Space,
    NoPort,
    Port,
    Brackets,
    Ipv6,
    TooLong,
    Url,
    NotUtf8,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Malformed::NoHost => "has no host",
            Malformed::Space => "has a host with a space or control character",
            Malformed::NoPort => "has no port",
            Malformed::Port => "has no port from 1 to 65535",
            Malformed::Brackets => "needs brackets around the IPv6 address",
            Malformed::Ipv6 => "is not an IPv6 address and a port",
            Malformed::TooLong => "is too long for an endpoint",
            Malformed::Url => "is a URL, not HOST:PORT",
            Malformed::NotUtf8 => "is not UTF-8",
        })
    }
}

impl FromStr for Endpoint {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text.contains("://") {
            return Err(Malformed::Url);
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.is_empty() && !port.ends_with(']') => (host, port),
            _ => return Err(Malformed::NoPort),
        };
        // `parse` alone would take `+80`.
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || port.parse::<NonZero<u16>>().is_err() {
            return Err(Malformed::Port);
        }
        if host.is_empty() {
            return Err(Malformed::NoHost);
        }
        if host.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(Malformed::Space);
        }
        if host.starts_with('[') {
            text.parse::<SocketAddrV6>().map_err(|_| Malformed::Ipv6)?;
        } else if host.contains(':') {
            return Err(Malformed::Brackets);
        }
        Ok(Endpoint(text.into()))
    }
}

/// An argument of the command line.
pub enum Argument {
    Endpoint(Endpoint),
    StandardInput,
}

/// Returns the endpoints as a stream, and the number of lines that are none.
///
/// They are read by a thread, because reading may block, and the channel is bounded, so that it
/// does not run ahead. A thread of our own: the program has to end while it is still reading.
pub fn read(
    arguments: Vec<Argument>,
) -> io::Result<(impl Stream<Item = Endpoint> + Unpin, Arc<AtomicUsize>)> {
    let (sender, mut receiver) = mpsc::channel(READ_AHEAD);
    let malformed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&malformed);
    let read_all = move || {
        for argument in arguments {
            let is_wanted = match argument {
                Argument::Endpoint(endpoint) => sender.blocking_send(endpoint).is_ok(),
                Argument::StandardInput => read_lines(io::stdin().lock(), |line| match line {
                    Ok(endpoint) => sender.blocking_send(endpoint).is_ok(),
                    Err(problem) => {
                        count.fetch_add(1, Ordering::Relaxed); // the channel's end orders it
                        // In one piece, because lines of standard output come in between.
                        let message = format!("futures-async: standard input:{problem}\n");
                        let _ = io::stderr().write_all(message.as_bytes());
                        true
                    }
                }),
            };
            if !is_wanted {
                return; // the receiver is gone: the probing has stopped
            }
        }
    };
    thread::Builder::new()
        .name("reader".into())
        .spawn(read_all)?;
    let endpoints = stream::poll_fn(move |context| receiver.poll_recv(context));
    Ok((endpoints, malformed))
}

/// Hands on each line that is not blank, until `line` says that no more are wanted; returns whether
/// they are. A problem comes with its place.
fn read_lines(
    mut reader: impl BufRead,
    mut line: impl FnMut(Result<Endpoint, String>) -> bool,
) -> bool {
    let mut bytes = Vec::new();
    for number in 1_u64.. {
        bytes.clear();
        let read = reader
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut bytes);
        let is_too_long = bytes.len() as u64 == LONGEST_LINE && !bytes.ends_with(b"\n");
        let read = read.and_then(|length| match is_too_long {
            true => reader.skip_until(b'\n'),
            false => Ok(length),
        });
        if let Err(error) = read {
            return line(Err(format!("{number}: {error}")));
        }
        if bytes.is_empty() {
            return true; // the end
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim();
        let endpoint = match str::from_utf8(&bytes) {
            _ if is_too_long => Err(Malformed::TooLong),
            _ if text.is_empty() => continue,
            Err(_) => Err(Malformed::NotUtf8),
            Ok(_) => text.parse(),
        };
        if !line(endpoint.map_err(|error| problem(number, text, error))) {
            return false;
        }
    }
    true
}

fn problem(number: u64, text: &str, error: Malformed) -> String {
    /// Characters that fit on one line of a terminal, with the rest of the message.
    const SHOWN: usize = 40;
    let start: String = text.chars().take(SHOWN).collect();
    let dots = if start.len() < text.len() { "..." } else { "" };
    format!("{number}: {start:?}{dots} {error}")
}
