//! Servers that answer what a test tells them, down to the byte.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What to do with a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Write this and wait for the next request.
    Keep(Vec<u8>),
    /// Write this and close.
    Close(Vec<u8>),
    /// Write the first part, then the second until nobody listens.
    Endless(Vec<u8>, Vec<u8>),
    /// Write this, then stay silent and open.
    Hang(Vec<u8>),
    /// Answer with [`OK`] when the test gives leave.
    OnLeave(Arc<Semaphore>),
}

impl Reply {
    pub(crate) fn keep(text: impl Into<Vec<u8>>) -> Self {
        Self::Keep(text.into())
    }

    pub(crate) fn close(text: impl Into<Vec<u8>>) -> Self {
        Self::Close(text.into())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Request,
    Closed,
}

/// A server on this machine; ends when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    events: mpsc::UnboundedReceiver<Event>,
    task: AbortHandle,
}

/// What to answer, by the request's number, from 0, and its text.
type Script = dyn Fn(usize, &str) -> Reply + Send + Sync;

struct Shared {
    connections: AtomicUsize,
    requests: Mutex<Vec<String>>,
    reply: Box<Script>,
    events: mpsc::UnboundedSender<Event>,
}

impl Server {
    /// Answers each request alike.
    pub(crate) async fn always(reply: Reply) -> Self {
        Self::start("127.0.0.1:0", None, move |_, _| reply.clone()).await
    }

    /// Answers by the request's number, from 0, and its text.
    pub(crate) async fn with(reply: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Self {
        Self::start("127.0.0.1:0", None, reply).await
    }

    pub(crate) async fn start(
        address: &str,
        tls: Option<TlsAcceptor>,
        reply: impl Fn(usize, &str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, events) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            connections: AtomicUsize::new(0),
            requests: Mutex::default(),
            reply: Box::new(reply),
            events: sender,
        });
        let task = tokio::spawn(accept(listener, tls, Arc::clone(&shared))).abort_handle();
        Self { address, shared, events, task }
    }

    /// `http://registry.test:PORT`.
    pub(crate) fn origin(&self) -> String {
        format!("http://registry.test:{}", self.address.port())
    }

    /// How many connections were accepted.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The text of each request.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// Waits for the next event of this kind.
    pub(crate) async fn wait_for(&mut self, event: Event) {
        while self.events.recv().await.unwrap() != event {}
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            match tls {
                None => serve(stream, &shared).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, &shared).await;
                    }
                }
            }
            let _ = shared.events.send(Event::Closed);
        });
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) {
    while let Some(request) = read_request(&mut stream).await {
        let number = {
            let mut requests = shared.requests.lock().unwrap();
            requests.push(request.clone());
            requests.len() - 1
        };
        let reply = (shared.reply)(number, &request);
        let _ = shared.events.send(Event::Request);
        if answer(&mut stream, reply).await.is_none() {
            return;
        }
    }
}

/// None: the connection is to end.
async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), reply: Reply) -> Option<()> {
    match reply {
        Reply::Keep(bytes) => stream.write_all(&bytes).await.ok(),
        Reply::Close(bytes) => {
            stream.write_all(&bytes).await.ok()?;
            stream.shutdown().await.ok()?;
            None
        }
        Reply::Endless(head, chunk) => {
            stream.write_all(&head).await.ok()?;
            while stream.write_all(&chunk).await.is_ok() {}
            None
        }
        Reply::Hang(bytes) => {
            stream.write_all(&bytes).await.ok()?;
            until_closed(stream).await;
            None
        }
        Reply::OnLeave(leave) => {
            tokio::select! {
                permit = leave.acquire() => permit.unwrap().forget(),
                () = until_closed(stream) => return None,
            }
            stream.write_all(OK.as_bytes()).await.ok()
        }
    }
}

async fn until_closed(stream: &mut (impl AsyncRead + Unpin)) {
    let mut buffer = [0; 256];
    while matches!(stream.read(&mut buffer).await, Ok(read) if read > 0) {}
}

/// Head and body of one request; None at the end of the connection.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok();
            if bytes.len() >= end + 4 + head.lines().find_map(length).unwrap_or(0) {
                return Some(String::from_utf8(bytes).unwrap());
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
