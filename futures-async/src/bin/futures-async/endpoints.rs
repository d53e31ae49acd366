//! What an endpoint looks like, and where endpoints come from.

use crate::cli::{escaped, standard_input};
use futures::stream::{self, Stream};
use std::ffi::OsStr;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{Ipv6Addr, SocketAddr};
use std::num::NonZero;
use std::ops::ControlFlow::{Break, Continue};
use std::str;
use std::sync::{Arc, OnceLock};
use std::task::{Poll, ready};
use std::thread;
use tokio::sync::mpsc;

/// Endpoints read ahead of the probes, so that these need not wait for the reader's thread.
const READ_AHEAD: usize = 1024;

/// Bytes from which a line cannot be an endpoint: the longest name of a host has 253.
const LONGEST_LINE: u64 = 1024;

/// Characters of a malformed line that a message shows, so that it fits on a line of a terminal.
const SHOWN: usize = 30;

/// `HOST:PORT`, `[IPV6]:PORT`: known to be well-formed.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint(String);

impl Endpoint {
    /// Without a name there is no need to look one up.
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.parse().ok()
    }

    /// What a resolver takes: without brackets.
    pub fn host_and_port(&self) -> (&str, u16) {
        let (host, port) = self.0.rsplit_once(':').unwrap_or_default();
        let host = host.trim_matches(['[', ']']);
        (host, port.parse().unwrap_or_default())
    }

    /// Returns what is wrong with it, and what to write instead.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(bytes).map_err(|_| "is not UTF-8")?;
        let instead =
            |text: &str| Self::parse(text.as_bytes()).map_or("HOST:PORT".into(), |it| it.0);
        if let Some((_, rest)) = text.split_once("://") {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let endpoint = instead(authority.rsplit('@').next().unwrap_or_default());
            return Err(format!("is a URL: write {endpoint}"));
        }
        if text
            .trim_matches([',', ';', ' '])
            .contains([',', ';', ' ', '\t'])
        {
            return Err("is more than one endpoint: write each by itself".into());
        }
        let is_ipv6 = |text: &str| text.parse::<Ipv6Addr>().is_ok();
        let instead_of_ipv6 = match text.rsplit_once(':') {
            Some((host, port)) if is_ipv6(host) => Some(format!("[{host}]:{port}")),
            _ => is_ipv6(text).then(|| format!("[{text}]:PORT")),
        };
        if let Some(endpoint) = instead_of_ipv6 {
            return Err(format!("is an IPv6 address: write {endpoint}"));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.is_empty() && !port.ends_with(']') => (host, port),
            _ => return Err("has no port: write HOST:PORT".into()),
        };
        // `parse` alone would take `+80`.
        let is_port = |port: &str| {
            port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<NonZero<u16>>().is_ok()
        };
        if !is_port(port) {
            return Err("has no port: write a number from 1 to 65535".into());
        }
        if host.is_empty() {
            return Err(format!("has no host: write localhost:{port}, or another"));
        }
        if let Some(inner) = host.strip_prefix('[') {
            let (address, interface) = match inner.strip_suffix(']').unwrap_or_default() {
                inner if inner.contains('%') => inner.split_once('%').unwrap_or_default(),
                inner => (inner, "0"),
            };
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:@".contains(c);
            let is_interface = !interface.is_empty() && interface.chars().all(is_plain);
            if !is_ipv6(address) || !is_interface {
                return Err("has no IPv6 address in its brackets".into());
            }
        } else if let Some((before, last)) = host.rsplit_once(':') {
            return Err(match is_port(last) {
                true => format!("has two ports: write {before}:{last} and {before}:{port}"),
                false => {
                    let endpoint = instead(&format!("{last}:{port}"));
                    format!("starts with a protocol: write {endpoint}")
                }
            });
        } else if let Some(c) = host
            .chars()
            .find(|c| !(c.is_alphanumeric() || "-_.".contains(*c)))
        {
            return Err(format!("has a {c:?} in its host"));
        }
        Ok(Endpoint(text.into()))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An argument of the command line.
pub enum Argument {
    Endpoint(Endpoint),
    StandardInput,
}

/// An endpoint, or a message about a line that is none.
pub type Line = Result<Endpoint, String>;

/// Returns the endpoints as a stream, and how reading them ended, known once all are taken.
///
/// They are read by a thread, because reading may block, and the channel is bounded, so that it
/// does not run ahead. A thread of our own: the program has to end while it is still reading.
pub fn read(
    arguments: Vec<Argument>,
) -> io::Result<(
    impl Stream<Item = Line> + Unpin,
    Arc<OnceLock<io::Result<()>>>,
)> {
    let (sender, mut receiver) = mpsc::channel(READ_AHEAD);
    let end = Arc::new(OnceLock::new());
    let all_taken = Arc::clone(&end);
    let is_input = |argument: &Argument| matches!(argument, Argument::StandardInput);
    let input = match arguments.iter().any(is_input) {
        true => Some(standard_input().map_err(|error| within("standard input", error))?),
        false => None,
    };
    let mut input = input.map(BufReader::new);
    let read_all = move || {
        let mut is_empty = input.is_some(); // all of it together, if it is read more than once
        for argument in arguments {
            let send = |line| sender.blocking_send(Continue(line)).is_ok();
            let is_wanted = match (argument, &mut input) {
                (Argument::Endpoint(endpoint), _) => Ok(send(Ok(endpoint))),
                (Argument::StandardInput, Some(input)) => read_lines(input, |line| {
                    is_empty = false;
                    send(line)
                }),
                (Argument::StandardInput, None) => Ok(true),
            };
            match is_wanted {
                Ok(true) => {}
                Ok(false) => return, // the receiver is gone: the probing has stopped
                // The first that fails is the last.
                Err(error) => {
                    let _ = sender.blocking_send(Break(Err(error)));
                    return;
                }
            }
        }
        let result = match is_empty {
            true => Err(io::Error::other("standard input: no endpoint")),
            false => Ok(()),
        };
        let _ = sender.blocking_send(Break(result)); // fails if the probing has stopped
    };
    let reader = thread::Builder::new().name("reader".into());
    reader
        .spawn(read_all)
        .map_err(|error| within("no thread that reads", error))?;
    let endpoints = stream::poll_fn(move |context| {
        Poll::Ready(match ready!(receiver.poll_recv(context)) {
            Some(Continue(line)) => Some(line),
            // Not before: what is in the channel when the probing stops has not been seen open.
            Some(Break(result)) => {
                let _ = all_taken.set(result); // nobody else sets it
                None
            }
            None => None,
        })
    });
    Ok((endpoints, end))
}

/// An error that says what it is about.
pub fn within(what: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// Hands on each line with something in it, until `send` says that no more are wanted; returns
/// whether they are.
fn read_lines(mut reader: impl BufRead, mut send: impl FnMut(Line) -> bool) -> io::Result<bool> {
    let mut bytes = Vec::new();
    for number in 1_u64.. {
        bytes.clear();
        let read = reader
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut bytes);
        let is_cut = bytes.len() as u64 == LONGEST_LINE && !bytes.ends_with(b"\n");
        let read = read.and_then(|length| match is_cut {
            true => reader.skip_until(b'\n'),
            false => Ok(length),
        });
        read.map_err(|error| within(&format!("standard input:{number}"), error))?;
        if bytes.is_empty() {
            return Ok(true); // the end
        }
        // Some editors start a file with a byte-order mark.
        let line = bytes.strip_prefix("\u{feff}".as_bytes());
        let line = line.filter(|_| number == 1).unwrap_or(&bytes);
        let before_comment = line.split(|byte| *byte == b'#').next().unwrap_or_default();
        let text = before_comment.trim_ascii();
        let endpoint = match text {
            b"" => continue,
            _ if is_cut && before_comment.len() == line.len() => {
                Err("is too long for an endpoint".into())
            }
            text => Endpoint::parse(text),
        };
        if !send(endpoint.map_err(|problem| describe(number, text, &problem))) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn describe(number: u64, text: &[u8], problem: &str) -> String {
    let text = String::from_utf8_lossy(text);
    let start: String = text.chars().take(SHOWN).collect();
    let dots = if start.len() < text.len() { "..." } else { "" };
    let start = escaped(OsStr::new(&start));
    format!("standard input:{number}: {start}{dots} {problem}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use futures::StreamExt;

    #[test]
    fn the_end_is_known_once_all_is_taken() {
        let endpoint = || Argument::Endpoint(Endpoint::parse(b"db:1").unwrap());
        let (mut endpoints, end) = read(vec![endpoint(), endpoint()]).unwrap();
        futures::executor::block_on(async {
            assert!(endpoints.next().await.is_some());
            // Until the reader has most likely come to the end.
            thread::sleep(std::time::Duration::from_millis(50));
            assert!(end.get().is_none());
            assert!(endpoints.next().await.is_some());
            assert!(end.get().is_none());
            assert!(endpoints.next().await.is_none());
            assert!(matches!(end.get(), Some(Ok(()))));
        });
    }

    #[test]
    fn endpoints_are_split_into_host_and_port() {
        for (text, host, port) in [
            ("db:5432", "db", 5432),
            ("my_db.example-1.org:65535", "my_db.example-1.org", 65535),
            ("127.0.0.1:1", "127.0.0.1", 1),
            ("[::1]:80", "::1", 80),
            ("[fe80::1%lo]:80", "fe80::1%lo", 80),
            ("[fe80::1%br-0.7]:80", "fe80::1%br-0.7", 80),
            ("bücher:80", "bücher", 80),
        ] {
            let endpoint = Endpoint::parse(text.as_bytes()).unwrap();
            assert_eq!(endpoint.host_and_port(), (host, port));
            assert_eq!(endpoint.to_string(), text);
        }
        let address = |text: &str| Endpoint::parse(text.as_bytes()).unwrap().address();
        assert_eq!(address("[::1]:80"), Some("[::1]:80".parse().unwrap()));
        assert_eq!(address("[fe80::1%lo]:80"), None);
        assert_eq!(address("db:80"), None);
    }

    #[test]
    fn what_is_malformed_is_told_what_to_write_instead() {
        for (text, message) in [
            ("db", "has no port: write HOST:PORT"),
            ("db:", "has no port: write HOST:PORT"),
            ("30s", "has no port: write HOST:PORT"),
            ("[::1]", "has no port: write HOST:PORT"),
            ("db:0", "has no port: write a number from 1 to 65535"),
            ("db:70000", "has no port: write a number from 1 to 65535"),
            ("db:+80", "has no port: write a number from 1 to 65535"),
            ("db:http", "has no port: write a number from 1 to 65535"),
            (":80", "has no host: write localhost:80, or another"),
            ("d*b:80", "has a '*' in its host"),
            ("d\u{1b}b:80", "has a '\\u{1b}' in its host"),
            (
                "my db:80",
                "is more than one endpoint: write each by itself",
            ),
            ("a:1,b:1", "is more than one endpoint: write each by itself"),
            ("a:1,", "has no port: write a number from 1 to 65535"),
            ("::1:80", "is an IPv6 address: write [::1]:80"),
            ("::1", "is an IPv6 address: write [::1]:PORT"),
            (
                "1:2:3:4:5:6:7:8:80",
                "is an IPv6 address: write [1:2:3:4:5:6:7:8]:80",
            ),
            ("[db]:80", "has no IPv6 address in its brackets"),
            ("[::1:80", "has no IPv6 address in its brackets"),
            ("[::1%]:80", "has no IPv6 address in its brackets"),
            ("tcp:db:80", "starts with a protocol: write db:80"),
            ("db:80:90", "has two ports: write db:80 and db:90"),
            ("http://db:80/index?q#a", "is a URL: write db:80"),
            ("postgres://me:secret@db:5432/x", "is a URL: write db:5432"),
            ("http://db/", "is a URL: write HOST:PORT"),
        ] {
            assert_eq!(
                Endpoint::parse(text.as_bytes()),
                Err(message.into()),
                "{text}"
            );
        }
    }
}
