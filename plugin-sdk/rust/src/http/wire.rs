//! The way to wasi:http and back.

use std::time::{Duration, Instant};

use wasip2::{
    clocks::monotonic_clock,
    http::{
        outgoing_handler,
        types::{
            ErrorCode, Fields, FutureIncomingResponse, HeaderError, IncomingBody, IncomingResponse, OutgoingBody,
            OutgoingRequest, RequestOptions, Scheme, http_error_code,
        },
    },
    io::{
        poll::{self, Pollable},
        streams::{InputStream, OutputStream, StreamError},
    },
};

use super::{HttpError, HttpErrorKind, Method, Request, Response};

/// How much is read or written at once.
const CHUNK: u64 = 64 * 1024;

pub(super) fn send(request: &Request, timeout: Duration) -> Result<Response, HttpError> {
    let deadline = Deadline::after(timeout);
    let outgoing = outgoing(request)?;
    let body = outgoing.body().map_err(|()| refused("it has no body"))?;
    let future = outgoing_handler::handle(outgoing, Some(options(timeout)?))?;
    write(body, &request.body, &deadline)?;
    let response = response(&future, &deadline)?;
    let status = response.status();
    let headers = response.headers().entries();
    Ok(Response { status, headers, body: read(&response, &deadline)? })
}

fn outgoing(request: &Request) -> Result<OutgoingRequest, HttpError> {
    use wasip2::http::types::Method as Wire;

    let headers: Vec<(String, Vec<u8>)> =
        request.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone().into_bytes())).collect();
    let outgoing = OutgoingRequest::new(Fields::from_list(&headers)?);
    let method = match request.method {
        Method::Get => Wire::Get,
        Method::Post => Wire::Post,
    };
    let scheme = if request.url.scheme() == "https" { Scheme::Https } else { Scheme::Http };
    outgoing
        .set_method(&method)
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(Some(request.url.authority())))
        .and_then(|()| outgoing.set_path_with_query(Some(&request.url.path_and_query())))
        .map_err(|()| refused("the URL is not valid"))?;
    Ok(outgoing)
}

fn options(timeout: Duration) -> Result<RequestOptions, HttpError> {
    let options = RequestOptions::new();
    let limit = Some(nanoseconds(timeout));
    options
        .set_connect_timeout(limit)
        .and_then(|()| options.set_first_byte_timeout(limit))
        .and_then(|()| options.set_between_bytes_timeout(limit))
        .map_err(|()| HttpError::new(HttpErrorKind::Internal, "no timeouts"))?;
    Ok(options)
}

fn write(body: OutgoingBody, bytes: &[u8], deadline: &Deadline) -> Result<(), HttpError> {
    let stream = body.write().map_err(|()| refused("the body cannot be written"))?;
    // The server may answer, or the host refuse, before all is written; the response tells which.
    if write_all(&stream, bytes, deadline)? {
        drop(stream);
        OutgoingBody::finish(body, None)?;
    }
    Ok(())
}

/// False when the other side takes no more.
fn write_all(stream: &OutputStream, mut bytes: &[u8], deadline: &Deadline) -> Result<bool, HttpError> {
    while !bytes.is_empty() {
        let Ok(room) = stream.check_write() else {
            return Ok(false);
        };
        if room == 0 {
            deadline.wait(&stream.subscribe())?;
            continue;
        }
        let len = usize::try_from(room.min(CHUNK)).map_or(bytes.len(), |room| room.min(bytes.len()));
        let (now, later) = bytes.split_at(len);
        if stream.write(now).is_err() {
            return Ok(false);
        }
        bytes = later;
    }
    Ok(true)
}

fn response(future: &FutureIncomingResponse, deadline: &Deadline) -> Result<IncomingResponse, HttpError> {
    loop {
        match future.get() {
            Some(Ok(response)) => return Ok(response?),
            Some(Err(())) => return Err(HttpError::new(HttpErrorKind::Internal, "the response was taken before")),
            None => deadline.wait(&future.subscribe())?,
        }
    }
}

fn read(response: &IncomingResponse, deadline: &Deadline) -> Result<Vec<u8>, HttpError> {
    let taken = |()| HttpError::new(HttpErrorKind::Internal, "the body was taken before");
    let body: IncomingBody = response.consume().map_err(taken)?;
    let stream: InputStream = body.stream().map_err(taken)?;
    let mut bytes = Vec::new();
    loop {
        match stream.read(CHUNK) {
            Ok(chunk) if chunk.is_empty() => deadline.wait(&stream.subscribe())?,
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(http_error_code(&error).map_or_else(
                    || HttpError::new(HttpErrorKind::Connection, error.to_debug_string()),
                    HttpError::from,
                ));
            }
        }
    }
}

/// When the whole exchange has to be over.
struct Deadline(Option<Instant>);

impl Deadline {
    fn after(timeout: Duration) -> Self {
        // A time beyond what the clock can say is no limit; the host has its own.
        Self(Instant::now().checked_add(timeout))
    }

    /// Waits until `ready`, or gives up.
    fn wait(&self, ready: &Pollable) -> Result<(), HttpError> {
        let Some(at) = self.0 else {
            ready.block();
            return Ok(());
        };
        let left = at.saturating_duration_since(Instant::now());
        let timer = monotonic_clock::subscribe_duration(nanoseconds(left));
        let woken = poll::poll(&[ready, &timer]);
        if woken.contains(&0) { Ok(()) } else { Err(HttpError::new(HttpErrorKind::ResponseTimeout, "")) }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn refused(reason: &str) -> HttpError {
    HttpError::new(HttpErrorKind::BadRequest, reason)
}

impl From<HeaderError> for HttpError {
    fn from(error: HeaderError) -> Self {
        refused(match error {
            HeaderError::InvalidSyntax => "a header is not valid",
            HeaderError::Forbidden => "a header may not be set by plugins",
            HeaderError::Immutable => "the headers are fixed",
        })
    }
}

impl From<ErrorCode> for HttpError {
    fn from(code: ErrorCode) -> Self {
        let kind = kind(&code);
        let detail = match code {
            ErrorCode::InternalError(reason) => reason.unwrap_or_default(),
            ErrorCode::HttpResponseBodySize(Some(limit)) | ErrorCode::HttpRequestBodySize(Some(limit)) => {
                format!("{limit} bytes")
            }
            // The names of wasi:http: an operator can look them up.
            other => format!("{other:?}").replace("ErrorCode::", ""),
        };
        Self::new(kind, detail)
    }
}

fn kind(code: &ErrorCode) -> HttpErrorKind {
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => HttpErrorKind::Denied,
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => HttpErrorKind::Dns,
        ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTerminated
        | ErrorCode::ConnectionLimitReached => HttpErrorKind::Connection,
        ErrorCode::ConnectionTimeout => HttpErrorKind::ConnectionTimeout,
        ErrorCode::ConnectionReadTimeout | ErrorCode::ConnectionWriteTimeout | ErrorCode::HttpResponseTimeout => {
            HttpErrorKind::ResponseTimeout
        }
        ErrorCode::TlsProtocolError | ErrorCode::TlsCertificateError | ErrorCode::TlsAlertReceived(_) => {
            HttpErrorKind::Tls
        }
        ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestTrailerSectionSize(_)
        | ErrorCode::HttpRequestTrailerSize(_) => HttpErrorKind::RequestTooLarge,
        ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid => HttpErrorKind::BadRequest,
        ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseHeaderSize(_)
        | ErrorCode::HttpResponseTrailerSectionSize(_)
        | ErrorCode::HttpResponseTrailerSize(_) => HttpErrorKind::ResponseTooLarge,
        ErrorCode::HttpResponseIncomplete
        | ErrorCode::HttpResponseTransferCoding(_)
        | ErrorCode::HttpResponseContentCoding(_)
        | ErrorCode::HttpUpgradeFailed
        | ErrorCode::HttpProtocolError => HttpErrorKind::Protocol,
        ErrorCode::LoopDetected | ErrorCode::ConfigurationError | ErrorCode::InternalError(_) => {
            HttpErrorKind::Internal
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_of_the_host_keep_their_meaning() {
        for (code, expected) in [
            (ErrorCode::HttpRequestDenied, HttpErrorKind::Denied),
            (ErrorCode::ConnectionRefused, HttpErrorKind::Connection),
            (ErrorCode::ConnectionTimeout, HttpErrorKind::ConnectionTimeout),
            (ErrorCode::HttpResponseTimeout, HttpErrorKind::ResponseTimeout),
            (ErrorCode::HttpResponseBodySize(Some(7)), HttpErrorKind::ResponseTooLarge),
            (ErrorCode::HttpRequestBodySize(None), HttpErrorKind::RequestTooLarge),
            (ErrorCode::TlsCertificateError, HttpErrorKind::Tls),
            (ErrorCode::HttpProtocolError, HttpErrorKind::Protocol),
            (ErrorCode::InternalError(None), HttpErrorKind::Internal),
        ] {
            assert_eq!(HttpError::from(code).kind(), expected);
        }
        assert!(HttpError::from(ErrorCode::HttpResponseBodySize(Some(7))).to_string().contains("7 bytes"));
        assert_eq!(HttpError::from(ErrorCode::ConnectionRefused).to_string(), "no connection: ConnectionRefused");
    }
}
