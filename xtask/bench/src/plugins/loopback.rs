//! An HTTP server on this machine that answers everything with the same kibibyte, as cheaply as can be.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
};

use crate::Result;

const BODY: [u8; 1024] = [b'x'; 1024];
/// A request of ours takes a few hundred bytes.
const MAX_HEAD: usize = 8 * 1024;
const END: &[u8] = b"\r\n\r\n";

/// Serves until this process ends.
pub(super) fn serve() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::Builder::new().name("loopback".to_owned()).spawn(move || {
        for stream in listener.incoming().flatten() {
            // Its client sees what went wrong.
            thread::spawn(move || answer(stream));
        }
    })?;
    Ok(address)
}

/// One connection, kept alive. Requests have no body and come one after the other.
fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", BODY.len());
    let response = [head.as_bytes(), &BODY].concat();
    let mut buffer = [0; MAX_HEAD];
    let mut filled = 0;
    loop {
        let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) else { return Ok(()) };
        let read = stream.read(room)?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        if buffer.get(..filled).is_some_and(|head| head.ends_with(END)) {
            filled = 0;
            stream.write_all(&response)?;
        }
    }
}
