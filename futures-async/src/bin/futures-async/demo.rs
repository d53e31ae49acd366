//! The demonstration: a server and its clients, all on one thread.

use crate::cli::{print, report};
use crate::descriptors;
use crate::timeline::{Lane, draw};
use futures::stream::{self, StreamExt};
use futures_async::Tasks;
use std::error::Error;
use std::future;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

const CLIENTS: NonZero<usize> = NonZero::new(100).unwrap();

/// What the picture shows of them.
const LANES: usize = 6;

/// How long the server takes to answer a request: from 20 to 60 ms.
fn delay(request: u8) -> Duration {
    Duration::from_millis(20 + u64::from(request) * 37 % 41)
}

/// When a client asked and when it had the answer, since the start.
type Wait = (Duration, Duration);

pub async fn demo() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    // A connection has two ends, so two descriptors.
    let limit = NonZero::new(descriptors::left() / 2).unwrap_or(NonZero::<usize>::MIN);
    let limit = limit.min(CLIENTS);
    let connections = stream::poll_fn(move |context| listener.poll_accept(context).map(Some));
    let server = Tasks::new(limit, connections.map(answer)).for_each(|_| future::ready(()));
    let server = tokio::spawn(server);

    let start = Instant::now();
    let requests = stream::iter((0..CLIENTS.get()).map(|n| ask(address, n as u8, start)));
    let waits = Tasks::new(limit, requests).fail_fast().await;
    let elapsed = start.elapsed();
    server.abort();
    let waits = waits?;

    let sum: Duration = (0..CLIENTS.get()).map(|n| delay(n as u8)).sum();
    print(format!(
        "{CLIENTS} requests, each answered after 20 to 60 ms: {} ms in all\n\
         {} answers, in order of the requests\n",
        sum.as_millis(),
        waits.len(),
    ))?;
    let _ = io::stderr().write_all(picture(&waits).as_bytes());
    report(format_args!(
        "{} waited at once, on one thread: {:.0} ms in all",
        peak(&waits),
        elapsed.as_secs_f64() * 1e3
    ));
    Ok(())
}

async fn answer(connection: io::Result<(TcpStream, SocketAddr)>) -> io::Result<()> {
    let (mut stream, _) = connection?;
    let request = stream.read_u8().await?;
    sleep(delay(request)).await;
    stream.write_u8(request).await
}

async fn ask(address: SocketAddr, request: u8, start: Instant) -> io::Result<Wait> {
    let mut stream = TcpStream::connect(address).await?;
    let asked = start.elapsed();
    stream.write_u8(request).await?;
    if stream.read_u8().await? != request {
        return Err(io::Error::other("the answer to another request"));
    }
    Ok((asked, start.elapsed()))
}

fn picture(waits: &[Wait]) -> String {
    let sample = waits
        .iter()
        .enumerate()
        .step_by(waits.len().div_ceil(LANES));
    let lane = |(client, &(asked, answered)): (usize, &Wait)| Lane {
        name: format!("client {client:2}"),
        busy: vec![(asked, answered)],
        note: format!("{:.0} ms", (answered - asked).as_secs_f64() * 1e3),
    };
    draw(&Vec::from_iter(sample.map(lane)))
}

/// How many waited at the same time, at most.
fn peak(waits: &[Wait]) -> usize {
    let at = |time| {
        waits
            .iter()
            .filter(|(from, to)| (from..to).contains(&&time))
            .count()
    };
    waits.iter().map(|&(asked, _)| at(asked)).max().unwrap_or(0)
}
