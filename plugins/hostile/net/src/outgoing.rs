//! One HTTP request, as wrong as wasi:http lets it be.

use std::{fmt::Debug, mem};

use serde::Deserialize;
use wasip2::{
    http::{
        outgoing_handler,
        types::{
            Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, OutgoingBody, OutgoingRequest,
            RequestOptions, Scheme,
        },
    },
    io::streams::StreamError,
};

const CHUNK: usize = 4096;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outgoing {
    /// `scheme://authority/path`, taken apart without any check.
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body_bytes: usize,
    /// Drops the body where it ought to end.
    #[serde(default)]
    leave_body_open: bool,
    /// How long to wait for the response.
    patience_ms: Option<u64>,
}

impl Outgoing {
    /// Status and body, or why there is none.
    pub(crate) fn send(&self) -> String {
        match self.begin().and_then(|future| receive(&future)) {
            Ok(answer) => answer,
            Err(error) => error,
        }
    }

    pub(crate) fn abandon(&self) -> String {
        match self.begin() {
            Ok(future) => {
                mem::forget(future);
                "abandoned".to_owned()
            }
            Err(error) => error,
        }
    }

    pub(crate) fn hoard(&self) -> String {
        match self.begin().and_then(|future| response(&future)) {
            Ok(response) => {
                mem::forget(response);
                "hoarded".to_owned()
            }
            Err(error) => error,
        }
    }

    pub(crate) fn begin(&self) -> Result<FutureIncomingResponse, String> {
        let (scheme, rest) = self.url.split_once("://").ok_or("no scheme")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let headers: Vec<(String, Vec<u8>)> =
            self.headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
        let headers = Fields::from_list(&headers).map_err(|error| told("headers", error))?;
        let request = OutgoingRequest::new(headers);
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => Scheme::Other(other.to_owned()),
        };
        request.set_scheme(Some(&scheme)).map_err(|()| "scheme refused")?;
        request.set_authority(Some(authority)).map_err(|()| "authority refused")?;
        request.set_path_with_query(Some(path)).map_err(|()| "path refused")?;
        let body = request.body().map_err(|()| "no body")?;
        let options = RequestOptions::new();
        let patience = self.patience_ms.map(|ms| ms * 1_000_000);
        options.set_first_byte_timeout(patience).map_err(|()| "timeout refused")?;
        let future = outgoing_handler::handle(request, Some(options)).map_err(|error| told("not sent", error))?;
        self.write(body)?;
        Ok(future)
    }

    /// The host may refuse the rest at any moment; the response tells why.
    fn write(&self, body: OutgoingBody) -> Result<(), String> {
        let stream = body.write().map_err(|()| "no stream")?;
        let mut left = self.body_bytes;
        while left > 0 {
            let chunk = vec![b'x'; left.min(CHUNK)];
            if stream.blocking_write_and_flush(&chunk).is_err() {
                return Ok(());
            }
            left -= chunk.len();
        }
        drop(stream);
        if self.leave_body_open {
            drop(body);
            return Ok(());
        }
        OutgoingBody::finish(body, None).map_err(|error| told("body", error))
    }
}

fn response(future: &FutureIncomingResponse) -> Result<IncomingResponse, String> {
    future.subscribe().block();
    let response = future.get().ok_or("woken without a response")?.map_err(|()| "taken before")?;
    response.map_err(|error| told("failed", error))
}

fn receive(future: &FutureIncomingResponse) -> Result<String, String> {
    let response = response(future)?;
    let body = response.consume().map_err(|()| "no body")?;
    let bytes = read(&body)?;
    let headers = response.headers().entries();
    Ok(format!("{} with {} headers and {} bytes", response.status(), headers.len(), bytes))
}

fn read(body: &IncomingBody) -> Result<usize, String> {
    let stream = body.stream().map_err(|()| "no stream")?;
    let mut bytes = 0;
    loop {
        match stream.blocking_read(CHUNK as u64) {
            Ok(chunk) => bytes += chunk.len(),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(error @ StreamError::LastOperationFailed(_)) => return Err(told("reading failed", error)),
        }
    }
}

/// Errors as `wasi:http` names them.
fn told(what: &str, error: impl Debug) -> String {
    format!("{what}: {error:?}")
}
