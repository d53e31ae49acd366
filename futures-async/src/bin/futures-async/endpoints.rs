//! What an endpoint looks like, and where endpoints come from.

use crate::cli::{named, shown};
use std::ffi::OsStr;
use std::io;
use std::net::Ipv6Addr;
use std::num::NonZero;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, stdin};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Endpoints read ahead of the probes.
const READ_AHEAD: usize = 1024;

/// Bytes of a line that are kept in memory. The longest name of a host has 253.
const LONGEST_LINE: u64 = 64 * 1024;

/// `HOST:PORT` or `[IPV6]:PORT`, well-formed.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint(pub String);

impl Endpoint {
    /// Returns what is wrong with it, and what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
        let is_port = !port.starts_with('+') && port.parse::<NonZero<u16>>().is_ok();
        let inside = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let problem = if is_ipv6(host) {
            format!("is an IPv6 address: write [{host}]:{port}")
        } else if !is_port {
            "has no port from 1 to 65535: write HOST:PORT".into()
        } else if is_name(host) || inside.is_some_and(is_ipv6) {
            return Ok(Endpoint(text.into()));
        } else {
            "has no name or address of a host: write HOST:PORT or [IPV6]:PORT".into()
        };
        let start = format!("{text:.30}"); // of a long line
        Err(format!("{} {problem}", shown(OsStr::new(&start))))
    }
}

fn is_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    !text.is_empty() && text.chars().all(is_plain)
}

/// An address, perhaps with an interface: `fe80::1%eth0`.
fn is_ipv6(text: &str) -> bool {
    let (address, interface) = text.split_once('%').unwrap_or((text, "0"));
    address.parse::<Ipv6Addr>().is_ok() && is_name(interface)
}

/// An endpoint, or a message about a line that is none.
pub type Line = Result<Endpoint, String>;

/// Sends the endpoints, then the list on standard input. All have been taken if the channel is closed
/// and empty. Returns an error if the list is empty or cannot be read to its end.
pub fn read(
    endpoints: Vec<Endpoint>,
    has_list: bool,
) -> (mpsc::Receiver<Line>, JoinHandle<io::Result<()>>) {
    let (lines, receiver) = mpsc::channel(READ_AHEAD);
    let reader = tokio::spawn(async move {
        for endpoint in endpoints {
            let _ = lines.send(Ok(endpoint)).await; // fails once the probing has stopped
        }
        match has_list {
            true => read_list(lines).await,
            false => Ok(()),
        }
    });
    (receiver, reader)
}

async fn read_list(lines: mpsc::Sender<Line>) -> io::Result<()> {
    let mut input = BufReader::with_capacity(LONGEST_LINE as usize, stdin());
    let mut is_empty = true;
    for number in 1_u64.. {
        let place = format!("standard input:{number}");
        let mut line = Vec::new();
        let mut limited = (&mut input).take(LONGEST_LINE);
        match limited.read_until(b'\n', &mut line).await {
            Err(error) => return Err(named(&place, error)),
            Ok(0) if is_empty => return Err(io::Error::other("standard input: no endpoint")),
            Ok(0) => break,
            Ok(length) if length as u64 == LONGEST_LINE => {
                return Err(io::Error::other(place + ": the line is too long"));
            }
            Ok(_) => {}
        }
        let line = String::from_utf8_lossy(&line);
        let text = line.split('#').next().unwrap_or_default().trim();
        if text.is_empty() {
            continue; // a comment
        }
        is_empty = false;
        let endpoint = Endpoint::parse(text).map_err(|problem| format!("{place}: {problem}"));
        if lines.send(endpoint).await.is_err() {
            break; // the receiver is gone: the probing has stopped
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_and_addresses_have_a_port() {
        for text in [
            "db:5432",
            "my_db.example-1.org:65535",
            "127.0.0.1:1",
            "[::1]:80",
            "[fe80::1%br-0.7]:80",
            "bücher:80",
        ] {
            assert_eq!(Endpoint::parse(text), Ok(Endpoint(text.into())));
        }
    }

    #[test]
    fn what_is_malformed_is_told_what_to_write_instead() {
        const NO_HOST: &str = "has no name or address of a host: write HOST:PORT or [IPV6]:PORT";
        const NO_PORT: &str = "has no port from 1 to 65535: write HOST:PORT";
        for (text, message) in [
            ("db", NO_PORT),
            ("db:", NO_PORT),
            ("30s", NO_PORT),
            ("[::1]", NO_PORT),
            ("db:0", NO_PORT),
            ("db:70000", NO_PORT),
            ("db:+80", NO_PORT),
            ("db:http", NO_PORT),
            (":80", NO_HOST),
            ("d*b:80", NO_HOST),
            ("d\u{1b}b:80", NO_HOST),
            ("my db:80", NO_HOST),
            ("a:1,b:1", NO_HOST),
            ("::1:80", "is an IPv6 address: write [::1]:80"),
            ("::1", NO_HOST),
            (
                "fe80::1%eth0:80",
                "is an IPv6 address: write [fe80::1%eth0]:80",
            ),
            (
                "1:2:3:4:5:6:7:8:80",
                "is an IPv6 address: write [1:2:3:4:5:6:7:8]:80",
            ),
            ("[db]:80", NO_HOST),
            ("[::1:80", NO_HOST),
            ("[::1%]:80", NO_HOST),
            ("tcp:db:80", NO_HOST),
            ("http://db:80", NO_HOST),
        ] {
            let parsed = Endpoint::parse(text);
            let problem = parsed.unwrap_err();
            assert!(problem.ends_with(&format!(" {message}")), "{problem}");
        }
    }
}
