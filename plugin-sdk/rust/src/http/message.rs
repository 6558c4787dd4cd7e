//! Requests and responses as plain data, so that code around them is testable without a host.

use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{HttpError, HttpErrorKind, Url, retry_after, wire};
use crate::{json, trace};

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: Method,
    pub url: Url,
    /// Names and values in order.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn get(url: Url) -> Self {
        Self { method: Method::Get, url, headers: Vec::new(), body: Vec::new() }
    }

    pub fn post(url: Url) -> Self {
        Self { method: Method::Post, url, headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header. Those that the grant injects, and those that belong to the connection
    /// (`host`, `content-length`, …), are the host's.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// A JSON body, with its content type.
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// With the `traceparent` of this call, where the host traces it: for requests to a data source.
    pub fn traced(self) -> Self {
        match trace::traceparent() {
            Some(parent) => self.header("traceparent", parent),
            None => self,
        }
    }

    /// Sends it and reads the whole answer. `timeout` is for all of it; the grant's own limit
    /// applies where that is shorter.
    ///
    /// # Errors
    /// See [`HttpErrorKind`]. A status such as 404 is not an error here.
    pub fn send(self, timeout: Duration) -> Result<Response, HttpError> {
        wire::send(&self, timeout)
    }
}

/// A response.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// Names in lower case and values in order.
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Response {
    /// A response without headers or body.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub fn with_header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// A JSON body, with its content type.
    pub fn with_json(self, body: &Value) -> Self {
        self.with_header("content-type", "application/json").with_body(body.to_string())
    }

    /// The first header of this name, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok().map(str::trim)
    }

    /// The body as JSON, read strictly (see [`json::parse`]). The content type must be
    /// `application/json` or end in `+json`.
    ///
    /// # Errors
    /// [`HttpErrorKind::Protocol`] when it is not.
    pub fn json(&self) -> Result<Value, HttpError> {
        let content_type = self.header("content-type").unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if essence != "application/json" && !(essence.starts_with("application/") && essence.ends_with("+json")) {
            let shown: String = essence.chars().take(100).collect();
            return Err(HttpError::new(
                HttpErrorKind::Protocol,
                format_args!("the content type is {shown:?}, not JSON"),
            ));
        }
        json::parse(&self.body)
            .map_err(|error| HttpError::new(HttpErrorKind::Protocol, format_args!("the body is not JSON: {error}")))
    }

    /// The body as the plugin's own type, read as by [`json`](Self::json).
    ///
    /// # Errors
    /// [`HttpErrorKind::Protocol`] when it does not fit; the fault is for the operator.
    pub fn json_as<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        serde_json::from_value(self.json()?)
            .map_err(|error| HttpError::new(HttpErrorKind::Protocol, format_args!("the body does not fit: {error}")))
    }

    /// What header `Retry-After` says, seconds or date; absent when it says nothing that can be
    /// understood.
    pub fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        retry_after::parse(self.header("retry-after")?, now)
    }
}

impl std::fmt::Debug for Response {
    /// Without headers and body: they are about a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_must_call_itself_json() {
        let body = |content_type: &str| Response::new(200).with_header("Content-Type", content_type).with_body("{}");
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"] {
            assert!(body(good).json().is_ok(), "{good}");
        }
        for bad in ["text/html", "application/jsonx", "text/x+json", "", "application/json, text/html"] {
            assert_eq!(body(bad).json().unwrap_err().kind(), HttpErrorKind::Protocol, "{bad}");
        }
        assert!(Response::new(200).with_body("{}").json().is_err());
        assert!(Response::new(200).with_header("content-type", b"\xff".as_slice()).with_body("{}").json().is_err());
    }

    #[test]
    fn a_body_becomes_the_plugins_own_type() {
        let answer = Response::new(200).with_json(&serde_json::json!({ "ticket": "t", "more": 1 }));
        let read: std::collections::BTreeMap<String, Value> = answer.json_as().unwrap();
        assert_eq!(read["ticket"], "t");
        let error = answer.json_as::<Vec<u8>>().unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Protocol);
        assert!(error.to_string().contains("does not fit"), "{error}");
    }

    #[test]
    fn debug_output_keeps_the_answer_to_itself() {
        let response = Response::new(200).with_json(&serde_json::json!({ "name": "Amina" }));
        assert_eq!(format!("{response:?}"), "Response { status: 200, bytes: 16, .. }");
    }
}
