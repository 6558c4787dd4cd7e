//! One keep-alive connection to a server under load.

use std::net::SocketAddr;

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request,
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::Result;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Ends with the sender; what went wrong, the sender reports.
        tokio::spawn(connection);
        Ok(Self { sender, host: address.to_string() })
    }

    pub(crate) async fn get(&mut self, path: &str, accept: &str) -> Result<Bytes> {
        let request = Request::get(path).header(HOST, &self.host).header(ACCEPT, accept);
        self.exchange(path, request.body(Full::default())?).await
    }

    pub(crate) async fn post(&mut self, path: &str, token: Option<&str>, body: Bytes) -> Result<Bytes> {
        self.send(path, token, JSON, body).await
    }

    pub(crate) async fn post_form(&mut self, path: &str, form: String) -> Result<Bytes> {
        self.send(path, None, FORM, form.into()).await
    }

    async fn send(&mut self, path: &str, token: Option<&str>, kind: &str, body: Bytes) -> Result<Bytes> {
        let mut request = Request::post(path).header(HOST, &self.host).header(CONTENT_TYPE, kind);
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        self.exchange(path, request.body(Full::new(body))?).await
    }

    /// Anything but success is an error: a server that refuses is not measured.
    async fn exchange(&mut self, path: &str, request: Request<Full<Bytes>>) -> Result<Bytes> {
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status.is_success() {
            return Ok(body);
        }
        Err(format!("{path} answered {status}: {}", String::from_utf8_lossy(&body)).into())
    }
}

/// A text member of a JSON answer.
pub(crate) fn text(answer: &[u8], pointer: &str) -> Result<String> {
    let answer: Value = serde_json::from_slice(answer)?;
    let value = answer.pointer(pointer).and_then(Value::as_str);
    Ok(value.ok_or_else(|| format!("the answer has no text at {pointer}"))?.to_owned())
}
