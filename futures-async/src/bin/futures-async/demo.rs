//! The demonstration: a server and its clients, all on one thread.

use crate::cli::{named, print, report};
use crate::descriptors;
use crate::timeline::{Lane, draw};
use futures::future::{Either, select};
use futures::stream;
use futures_async::tasks::Tasks;
use std::convert::Infallible;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

const CLIENTS: u8 = 100;

/// How long the server takes to answer a request: from 20 to 60 ms.
fn delay(request: u8) -> Duration {
    Duration::from_millis(20 + u64::from(request) * 37 % 41)
}

/// Prints what the clients have seen.
pub async fn demo() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    // A connection has two ends, so two descriptors.
    let limit = (descriptors::left() / 2).clamp(1, CLIENTS.into());
    let limit = NonZero::new(limit).unwrap_or(NonZero::<usize>::MIN);

    let start = Instant::now();
    let requests = stream::iter((0..CLIENTS).map(|n| ask(address, n, start)));
    let mut clients = Tasks::new(limit, requests);
    let lanes = match select(pin!(clients.fail_fast()), pin!(serve(listener))).await {
        Either::Left((lanes, _)) => lanes.map_err(io::Error::other)?,
        Either::Right((Err(error), _)) => return Err(named("accepting a connection", error)),
    };
    let elapsed = start.elapsed().as_millis();

    let answers = lanes.len();
    let sum = (0..CLIENTS).map(delay).sum::<Duration>().as_millis();
    print(format!(
        "{CLIENTS} requests, answered after 20 to 60 ms; one after the other: {sum} ms\n\
         {answers} answers, in order of the requests\n"
    ))?;
    let shown: Vec<Lane> = lanes.into_iter().step_by(17).collect();
    // Without the picture, the results are still complete.
    let _ = io::stderr().write_all(draw(&shown).as_bytes());
    report(format_args!(
        "up to {limit} at once, on one thread: {elapsed} ms"
    ));
    Ok(())
}

async fn serve(listener: TcpListener) -> io::Result<Infallible> {
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(answer(stream)); // if it fails, so does its client
    }
}

async fn answer(mut stream: TcpStream) -> io::Result<()> {
    let request = stream.read_u8().await?;
    sleep(delay(request)).await;
    stream.write_u8(request).await
}

/// Returns when the client waited.
async fn ask(address: SocketAddr, request: u8, start: Instant) -> io::Result<Lane> {
    let mut stream = TcpStream::connect(address).await?;
    let asked = start.elapsed();
    stream.write_u8(request).await?;
    if stream.read_u8().await? != request {
        return Err(io::Error::other("the answer to another request"));
    }
    let answered = start.elapsed();
    Ok(Lane {
        name: format!("client {request:2}"),
        busy: vec![(asked, answered)],
        note: format!("{} ms", (answered - asked).as_millis()),
    })
}
