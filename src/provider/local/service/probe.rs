//! One question to a server: `GET /ready`.
//!
//! Goes in: an address. Comes out: what the server says, or why it says nothing. Never happens: a wait without an end, an
//! answer without a bound.

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Bytes of an answer at most; a real one has some hundred.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Time for the whole exchange. A server under load answers `/ready` within milliseconds: it queues no rows.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What `/ready` answers, with 200 and with 503.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Ready {
    pub(super) status: String,
    pub(super) version: Option<String>,
    pub(super) digest: Option<String>,
    pub(super) instance: Option<String>,
    /// Why it is not ready.
    reason: Option<String>,
    message: Option<String>,
}

/// What came of the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// 200.
    Ready(Ready),
    /// Another status, with the server's reason.
    NotReady {
        /// In the server's words.
        reason: String,
        /// Whose answer it is.
        instance: Option<String>,
    },
    /// No answer that could be read; why.
    None(String),
}

/// Asks the server at an address.
pub(super) async fn ask(host: IpAddr, port: u16) -> Answer {
    match tokio::time::timeout(ANSWER_WITHIN, exchange(host, port)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(why)) => Answer::None(why),
        Err(_) => Answer::None(format!("no answer within {} s", ANSWER_WITHIN.as_secs())),
    }
}

async fn exchange(host: IpAddr, port: u16) -> Result<Answer, String> {
    let url = super::url_of(host, port);
    let address: SocketAddr = url.trim_start_matches("http://").parse().map_err(|_| url.clone())?;
    let stream = tokio::net::TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    let request = hyper::Request::get("/ready")
        .header(hyper::header::HOST, address.to_string())
        .header(hyper::header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let exchange = async move {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        Ok::<_, String>((status, body))
    };
    let (status, body) =
        match futures_util::future::select(std::pin::pin!(exchange), std::pin::pin!(connection)).await {
            futures_util::future::Either::Left((answer, _)) => answer?,
            // The connection is done first when the whole answer has arrived.
            futures_util::future::Either::Right((_, exchange)) => exchange.await?,
        };
    Ok(understand(status.as_u16(), &body))
}

fn understand(status: u16, body: &[u8]) -> Answer {
    let ready: Option<Ready> = serde_json::from_slice(body).ok();
    match ready {
        Some(ready) if status == 200 => Answer::Ready(ready),
        None if status == 200 => Answer::None("the answer of `/ready` is not understood".to_owned()),
        ready => {
            let ready = ready.unwrap_or_default();
            let said = [ready.reason, ready.message, Some(ready.status)].into_iter().flatten();
            let reason = said.into_iter().find(|said| !said.is_empty());
            let reason = reason.unwrap_or_else(|| format!("`/ready` answers {status}"));
            Answer::NotReady { reason, instance: ready.instance }
        }
    }
}
