//! WASI 0.2 with nothing behind it: toolchains import it whether or not a program needs it.
//!
//! Random numbers and durations are real, the time of day is the host's. There is no environment, no
//! argument, no directory; sockets and name look-ups are refused. What is written to stdout or stderr
//! is kept, its end only, to say what a crash was about.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use std::{io, pin::Pin};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime::component::Linker;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxBuilder};

use crate::guest::Guest;
use crate::ports::ClockPort;

/// How much of the output is kept.
const TAIL_BYTES: usize = 8 << 10;

/// How much a guest may write at once.
const WRITE_BYTES: usize = 64 << 10;

/// Random bytes for one request.
const MAX_RANDOM_BYTES: u64 = 64 << 10;

/// What a guest is told of the clock's steps. The interface asks for one, and no guest relies on it.
const CLOCK_RESOLUTION: Duration = Duration::from_micros(1);

/// Links all of WASI 0.2, so that what a toolchain drags in never fails to link.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)
}

/// A context with nothing in it but the time of day and the captured output.
pub(crate) fn empty_context(output: &Tail, clock: Arc<dyn ClockPort>) -> WasiCtx {
    WasiCtxBuilder::new()
        .wall_clock(TimeOfDay(clock))
        .stdout(output.clone())
        .stderr(output.clone())
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .max_random_size(MAX_RANDOM_BYTES)
        .build()
}

/// The host's clock as WASI has it.
struct TimeOfDay(Arc<dyn ClockPort>);

impl HostWallClock for TimeOfDay {
    fn resolution(&self) -> Duration {
        CLOCK_RESOLUTION
    }

    fn now(&self) -> Duration {
        self.0.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }
}

/// The last bytes that a guest wrote to stdout or stderr.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tail(Arc<Mutex<VecDeque<u8>>>);

impl Tail {
    /// The text, cut to whole characters; empty where nothing was written.
    pub(crate) fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (front, back) = bytes.as_slices();
        String::from_utf8_lossy(&[front, back].concat()).trim().to_owned()
    }

    /// Forgets what was written.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn push(&self, written: &[u8]) {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &written[written.len().saturating_sub(TAIL_BYTES)..];
        let excess = (bytes.len() + kept.len()).saturating_sub(TAIL_BYTES);
        bytes.drain(..excess);
        bytes.extend(kept);
    }
}

impl IsTerminal for Tail {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Tail {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        // Not the default adapter: it writes from a task of its own, and what a guest says right
        // before it crashes would be lost.
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl OutputStream for Tail {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}

#[async_trait::async_trait]
impl Pollable for Tail {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Tail {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept() {
        let tail = Tail::default();
        tail.push(&[b'a'; TAIL_BYTES]);
        tail.push(b"the end\n");
        assert!(tail.text().ends_with("aaathe end"));
        tail.push(&vec![b'b'; TAIL_BYTES * 3]);
        assert_eq!(tail.text(), "b".repeat(TAIL_BYTES));
        tail.clear();
        assert_eq!(tail.text(), "");
    }

    #[test]
    fn broken_characters_do_no_harm() {
        let tail = Tail::default();
        tail.push(b"\xFFok");
        assert_eq!(tail.text(), "\u{FFFD}ok");
    }
}
