//! A server on this machine that answers what a test says.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One answer.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn of(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

type Rule = Box<dyn Fn(&str, &str) -> Option<Answer> + Send>;

/// What the server knows, and what it was asked.
#[derive(Default)]
struct Site {
    pages: BTreeMap<String, Answer>,
    rule: Option<Rule>,
    asked: Vec<String>,
}

/// The server; it goes with the test's process.
pub(crate) struct Server {
    /// `127.0.0.1:port`
    pub(crate) host: String,
    site: Arc<Mutex<Site>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let site: Arc<Mutex<Site>> = Arc::default();
        let shared = site.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let site = shared.clone();
                std::thread::spawn(move || answer(stream, &site));
            }
        });
        Self { host, site }
    }

    /// From now on a path has this answer.
    pub(crate) fn page(&self, path: &str, answer: Answer) {
        self.site.lock().unwrap().pages.insert(path.to_owned(), answer);
    }

    /// What is asked before the pages: path and `Authorization`.
    pub(crate) fn rule(&self, rule: impl Fn(&str, &str) -> Option<Answer> + Send + 'static) {
        self.site.lock().unwrap().rule = Some(Box::new(rule));
    }

    /// The paths that were asked for since the last look.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.site.lock().unwrap().asked)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }
}

fn answer(mut stream: TcpStream, site: &Mutex<Site>) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let header = |line: &str| {
        Some(line.split_once(": ")?.1.to_owned())
            .filter(|_| line.to_lowercase().starts_with("authorization:"))
    };
    let authorization = head.lines().find_map(header).unwrap_or_default();
    let answer = {
        let mut site = site.lock().unwrap();
        site.asked.push(path.to_owned());
        let ruled = site.rule.as_ref().and_then(|rule| rule(path, &authorization));
        let known = ruled.or_else(|| site.pages.get(path).cloned());
        known.unwrap_or_else(|| Answer::of("nothing here").status(404))
    };
    let mut text = format!(
        "HTTP/1.1 {} x\r\nContent-Length: {}\r\nConnection: close\r\n",
        answer.status,
        answer.body.len()
    );
    for (name, value) in &answer.headers {
        text.extend([name.as_str(), ": ", value, "\r\n"]);
    }
    let _ = stream.write_all((text + "\r\n").as_bytes()).and_then(|()| stream.write_all(&answer.body));
}
