//! One HTTP/1.1 request to a server on this machine, and its answer.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::failure::Failure;

/// How long the server may take to accept, and between two pieces of its answer.
const WAIT: Duration = Duration::from_secs(10);

/// Bytes of an answer that are read at most; a prediction has a few hundred.
const ANSWER_MAX: u64 = 1024 * 1024;

/// Sends `body` as JSON to an `http://host:port/path` and gives the body of the answer, which must be a 200.
pub(crate) fn post(url: &str, body: &str) -> Result<String, Failure> {
    let failed = |what: String| Failure::new(format!("POST {url}: {what}"));
    let (authority, path) = split(url).ok_or_else(|| failed("not an http address".to_owned()))?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = exchange(authority, &request).map_err(|error| failed(error.to_string()))?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| failed("the answer has no end of its head".to_owned()))?;
    let status = head.lines().next().unwrap_or_default();
    if status.split_whitespace().nth(1) == Some("200") {
        Ok(body.to_owned())
    } else {
        Err(failed(format!("{status}\n    {}", body.trim_end())))
    }
}

/// `127.0.0.1:8080` and `/predict` of `http://127.0.0.1:8080/predict`.
fn split(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("http://")?;
    let slash = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    Some((authority, if path.is_empty() { "/" } else { path }))
}

fn exchange(authority: &str, request: &str) -> std::io::Result<String> {
    let address = authority
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| std::io::Error::new(std::io::ErrorKind::NotFound, "the host has no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, WAIT)?;
    stream.set_read_timeout(Some(WAIT))?;
    stream.set_write_timeout(Some(WAIT))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(ANSWER_MAX).read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Asks a server that takes one request whole and gives `answer`; returns what `post` gave and what it sent.
    fn ask(answer: &'static str) -> (Result<String, Failure>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/predict", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"{}") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(request).unwrap()
        });
        (post(&url, "{}"), server.join().unwrap())
    }

    #[test]
    fn the_body_of_a_200_is_the_answer() {
        let (answer, request) = ask("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{\"a\":1}");
        assert_eq!(answer.unwrap(), "{\"a\":1}");
        assert!(request.starts_with("POST /predict HTTP/1.1\r\nhost: 127.0.0.1:"), "{request}");
        assert!(request.contains("content-length: 2\r\n"), "{request}");
    }

    #[test]
    fn any_other_status_is_a_failure_that_shows_what_the_server_said() {
        let (answer, _) = ask("HTTP/1.1 503 Service Unavailable\r\n\r\n{\"detail\":\"no model\"}");
        let text = answer.unwrap_err().to_string();
        assert!(text.contains("503 Service Unavailable\n    {\"detail\":\"no model\"}"), "{text}");
    }

    #[test]
    fn an_answer_cut_short_is_a_failure() {
        let (answer, _) = ask("HTTP/1.1 200 OK\r\n");
        assert!(answer.is_err());
    }

    #[test]
    fn only_http_addresses_are_taken() {
        assert_eq!(split("http://127.0.0.1:8080/predict"), Some(("127.0.0.1:8080", "/predict")));
        assert_eq!(split("http://localhost:8080"), Some(("localhost:8080", "/")));
        assert_eq!(split("https://127.0.0.1:8080/predict"), None);
    }
}
