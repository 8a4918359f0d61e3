//! Requests over many connections from one thread, each connection with one request at a time.
//!
//! In: an address, a request's bytes, how many connections and how long. Out: how many answers there were and how long
//! they took. Never: an answer that is not 200 counted as one.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::failure::Failure;

/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 64 * 1024;
/// Time for an answer; a server that takes longer has hung.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// How requests are sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// The next one when the one before is answered.
    Closed,
    /// So many in a second, whether answered or not, where a connection is free.
    Open { per_second: u32 },
}

/// What came back.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Answers with 200.
    pub(super) given: Times,
    /// Answers with 503.
    pub(super) refused: Times,
    pub(super) wall: Duration,
}

/// How long each answer took: from when its request was sent or, where a pace says when, from when it was due.
#[derive(Debug, Default)]
pub(super) struct Times {
    /// Sorted at the end.
    times: Vec<Duration>,
}

impl Times {
    pub(super) fn count(&self) -> usize {
        self.times.len()
    }

    /// How many there are in a second.
    pub(super) fn per_second(&self, wall: Duration) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a count of some seconds")]
        let count = self.times.len() as f64;
        count / wall.as_secs_f64()
    }

    /// The time below which this share of the answers came, in milliseconds: `0.99`.
    pub(super) fn milliseconds(&self, share: f64) -> f64 {
        self.percentile(share).as_secs_f64() * 1e3
    }

    /// The same as a duration.
    fn percentile(&self, share: f64) -> Duration {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place in a list"
        )]
        let place = ((self.times.len() as f64 - 1.0) * share).round().max(0.0) as usize;
        self.times.get(place).copied().unwrap_or_default()
    }
}

struct Connection {
    stream: TcpStream,
    sent: Option<Instant>,
    received: Vec<u8>,
}

/// Sends the request over and over for `duration`, on `connections` connections.
pub(super) fn run(
    address: SocketAddr,
    request: &[u8],
    connections: usize,
    pace: Pace,
    duration: Duration,
) -> Result<Answers, Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("asking {address}: {error}"));
    let mut all = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(address).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        stream.set_nonblocking(true).map_err(failed)?;
        all.push(Connection { stream, sent: None, received: Vec::new() });
    }
    let mut answers = Answers::default();
    let (start, mut due) = (Instant::now(), 0_u64);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let elapsed = start.elapsed();
        let over = elapsed >= duration;
        if over && all.iter().all(|connection| connection.sent.is_none()) {
            break;
        }
        let wanted = match pace {
            _ if over => 0,
            Pace::Closed => u64::MAX,
            Pace::Open { per_second } => {
                let so_far = elapsed.as_micros() * u128::from(per_second) / 1_000_000;
                u64::try_from(so_far).unwrap_or(u64::MAX).saturating_sub(due)
            }
        };
        let was_due = |number: u64| match pace {
            Pace::Closed => Instant::now(),
            Pace::Open { per_second } => {
                start + Duration::from_secs_f64(seconds_of(due + number) / f64::from(per_second))
            }
        };
        let sent = send(&mut all, request, wanted, was_due).map_err(failed)?;
        due = due.saturating_add(sent);
        for place in wait(&all, matches!(pace, Pace::Open { .. }))? {
            let Some(connection) = all.get_mut(place) else { continue };
            receive(connection, &mut buffer, &mut answers)?;
        }
    }
    answers.wall = start.elapsed();
    answers.given.times.sort();
    answers.refused.times.sort();
    Ok(answers)
}

#[expect(clippy::cast_precision_loss, reason = "requests of a minute")]
fn seconds_of(count: u64) -> f64 {
    count as f64
}

/// Sends on connections that are free, this many at most; how many it were.
///
/// - `was_due`: when the request of this number was due, counted from those that are sent now.
fn send(
    all: &mut [Connection],
    request: &[u8],
    wanted: u64,
    was_due: impl Fn(u64) -> Instant,
) -> std::io::Result<u64> {
    let mut count = 0;
    for connection in all.iter_mut().filter(|connection| connection.sent.is_none()) {
        if count == wanted {
            break;
        }
        let (due, mut rest) = (was_due(count), request);
        while !rest.is_empty() {
            match connection.stream.write(rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(error) => return Err(error),
            }
        }
        connection.sent = Some(due);
        count += 1;
    }
    Ok(count)
}

/// The places of connections on which something came.
fn wait(all: &[Connection], shortly: bool) -> Result<Vec<usize>, Failure> {
    let busy = all.iter().enumerate().filter(|(_, connection)| connection.sent.is_some());
    let (places, mut fds): (Vec<usize>, Vec<PollFd<'_>>) =
        busy.map(|(place, connection)| (place, PollFd::new(&connection.stream, PollFlags::IN))).unzip();
    let timeout = if shortly { Duration::from_micros(200) } else { ANSWER_MAX };
    let timeout = Timespec::try_from(timeout).map_err(|_| Failure::new("a time that cannot be waited"))?;
    match poll(&mut fds, Some(&timeout)) {
        Ok(0) if !shortly => Err(Failure::new(format!("no answer in {} s", ANSWER_MAX.as_secs()))),
        Ok(_) => {
            let came = places.iter().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty());
            Ok(came.map(|(place, _)| *place).collect())
        }
        Err(rustix::io::Errno::INTR) => Ok(Vec::new()),
        Err(error) => Err(Failure::new(format!("waiting for answers: {error}"))),
    }
}

fn receive(connection: &mut Connection, buffer: &mut [u8], answers: &mut Answers) -> Result<(), Failure> {
    let broken = |what: String| Failure::new(format!("the server {what}"));
    match connection.stream.read(buffer) {
        Ok(0) => return Err(broken("closed a connection".to_owned())),
        Ok(read) => connection.received.extend(buffer.get(..read).unwrap_or_default()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
        Err(error) => return Err(broken(format!("broke a connection: {error}"))),
    }
    let Some((status, length)) = head(&connection.received) else { return Ok(()) };
    if connection.received.len() < length {
        return Ok(());
    }
    connection.received.clear();
    let sent = connection.sent.take();
    match status {
        200 => answers.given.times.extend(sent.map(|sent| sent.elapsed())),
        503 => answers.refused.times.extend(sent.map(|sent| sent.elapsed())),
        other => return Err(broken(format!("answered {other}"))),
    }
    Ok(())
}

/// Status, and bytes of the whole answer, once its head is there.
fn head(received: &[u8]) -> Option<(u16, usize)> {
    let end = received.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(received.get(..end)?).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    Some((status, end + length.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_as_long_as_its_head_says() {
        assert_eq!(head(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), Some((200, 40)));
        assert_eq!(head(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"), Some((503, 55)));
        assert_eq!(head(b"HTTP/1.1 200 OK\r\nContent-"), None);
    }

    #[test]
    fn every_request_is_answered_and_timed() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                std::thread::spawn(move || {
                    let mut bytes = [0; 4];
                    while stream.read_exact(&mut bytes).is_ok() {
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
                    }
                });
            }
        });
        let time = Duration::from_millis(100);
        let closed = run(address, b"ping", 4, Pace::Closed, time).unwrap();
        let closed = closed.given;
        assert!(closed.count() > 4 && closed.percentile(0.5) <= closed.percentile(0.99));
        let open = run(address, b"ping", 4, Pace::Open { per_second: 200 }, time).unwrap();
        assert!((10..=20).contains(&open.given.count()), "{}", open.given.count());
    }
}
