//! The demonstration: a server and its clients, all on one thread.

use futures::stream::{self, StreamExt};
use futures_async::Tasks;
use std::error::Error;
use std::future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

const CLIENTS: NonZero<usize> = NonZero::new(100).unwrap();

/// What the server takes to answer.
const DELAY: Duration = Duration::from_millis(50);

/// When a client asked and when it had the answer, since the start.
struct Times {
    asked: Duration,
    answered: Duration,
}

pub async fn demo() -> Result<String, Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let connections = stream::poll_fn(move |context| listener.poll_accept(context).map(Some));
    let server = Tasks::new(CLIENTS, connections.map(answer)).for_each(|_| future::ready(()));
    let server = tokio::spawn(server);

    let start = Instant::now();
    let requests = stream::iter((0..CLIENTS.get()).map(|_| ask(address, start)));
    let times = Tasks::new(CLIENTS, requests).try_in_order().await;
    let elapsed = start.elapsed();
    server.abort();
    Ok(describe(&times.map_err(|(_, error)| error)?, elapsed))
}

async fn answer(connection: io::Result<(TcpStream, SocketAddr)>) -> io::Result<()> {
    let (mut stream, _) = connection?;
    let request = stream.read_u8().await?;
    sleep(DELAY).await;
    stream.write_u8(request).await
}

async fn ask(address: SocketAddr, start: Instant) -> io::Result<Times> {
    let mut stream = TcpStream::connect(address).await?;
    let asked = start.elapsed();
    stream.write_u8(b'?').await?;
    stream.read_u8().await?;
    Ok(Times {
        asked,
        answered: start.elapsed(),
    })
}

fn describe(times: &[Times], elapsed: Duration) -> String {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    let mut text = String::new();
    for (client, times) in times.iter().enumerate().step_by(33) {
        let (asked, answered) = (milliseconds(times.asked), milliseconds(times.answered));
        text +=
            &format!("Client {client:2} asks at {asked:4.1} ms, is answered at {answered:.1} ms\n");
    }
    let first = times.iter().map(|times| times.answered).min();
    let waiting = times
        .iter()
        .filter(|times| Some(times.asked) < first)
        .count();
    text += &format!("{waiting} requests wait when the first answer comes\n");
    let (sum, elapsed) = (
        milliseconds(DELAY * times.len() as u32),
        milliseconds(elapsed),
    );
    text + &format!("{elapsed:.0} ms for waits of {sum} ms in all, on one thread\n")
}
