//! A server as it is seen through another: all that is asked of it goes through, and its objects are as old as a test says.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long either side may take.
const TIME_MAX: Duration = Duration::from_mins(1);

/// The other server; it goes with the test's process.
pub(crate) struct Aging {
    pub(crate) address: SocketAddr,
    ages: Arc<Mutex<Ages>>,
    /// Requests that are on their way through.
    under_way: Arc<AtomicUsize>,
}

/// Time that has passed beside the real one.
#[derive(Default)]
struct Ages {
    passed: Duration,
    /// How much of it had passed when the object of a path was last written.
    written: BTreeMap<String, Duration>,
}

impl Ages {
    fn of(&self, path: &str) -> Duration {
        self.passed.saturating_sub(self.written.get(path).copied().unwrap_or_default())
    }
}

impl Aging {
    /// In front of a server of S3's kind.
    pub(crate) fn of(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ages: Arc<Mutex<Ages>> = Arc::default();
        let under_way: Arc<AtomicUsize> = Arc::default();
        let (shared, counted) = (Arc::clone(&ages), Arc::clone(&under_way));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (ages, counted) = (Arc::clone(&shared), Arc::clone(&counted));
                counted.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    // Who hangs up in the middle was killed.
                    drop(forward(client, server, &ages));
                    counted.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, ages, under_way }
    }

    /// From now on all that was written before is so much older; what somebody who is gone had sent is written before.
    pub(crate) fn pass(&self, time: Duration) {
        // Connections are taken in turn: once this one was, all before it were.
        let mut last = TcpStream::connect(self.address).unwrap();
        last.shutdown(Shutdown::Write).unwrap();
        drop(last.read_to_end(&mut Vec::new()));
        while self.under_way.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.ages.lock().unwrap().passed += time;
    }
}

/// One request and its answer.
fn forward(mut client: TcpStream, server: SocketAddr, ages: &Mutex<Ages>) -> io::Result<()> {
    client.set_read_timeout(Some(TIME_MAX))?;
    let head = read_head(&mut client)?;
    if header(&head, "expect").is_some() {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let length = header(&head, "content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut body)?;
    let mut upstream = TcpStream::connect(server)?;
    upstream.set_read_timeout(Some(TIME_MAX))?;
    let lines =
        head.lines().filter(|line| !line.is_empty() && !is_of(line, "connection") && !is_of(line, "expect"));
    let request: Vec<_> = lines.chain(["Connection: close", "", ""]).collect();
    upstream.write_all(&[request.join("\r\n").as_bytes(), &body].concat())?;

    let answer_head = read_head(&mut upstream)?;
    let mut answer_body = Vec::new();
    upstream.read_to_end(&mut answer_body)?;
    let mut words = head.split([' ', '?']);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let age = {
        let mut ages = ages.lock().unwrap();
        if method == "PUT" && answer_head.contains(" 200 ") {
            let passed = ages.passed;
            ages.written.insert(path.to_owned(), passed);
        }
        ages.of(path)
    };
    let later = |line: &str| match line.split_once(": ") {
        Some((_, date)) if is_of(line, "date") => format!("Date: {}\r\n", after(date, age)),
        _ => format!("{line}\r\n"),
    };
    let answer: String = answer_head.lines().map(later).collect();
    client.write_all(&[answer.as_bytes(), &answer_body].concat())
}

fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    String::from_utf8(head).map_err(io::Error::other)
}

fn is_of(line: &str, name: &str) -> bool {
    line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let line = head.lines().find(|line| is_of(line, name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

/// A date of HTTP, so much later.
fn after(date: &str, time: Duration) -> String {
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date.trim()).unwrap();
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&(date + time)).unwrap()
}
