//! Load on a server: connections that each do one thing after the other. All of them share one thread, so that the
//! server has the rest of the machine.

use std::{
    cell::Cell,
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;

use crate::{
    Result,
    http::Connection,
    measure::{Effort, Figures, Stopwatch},
    process::Process,
};

/// A server that is put under load.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// What it calls itself in tokens and proofs.
    pub(crate) url: String,
    pub(crate) process: Process,
}

/// Repeats `job` on `connections`, for the effort's time or `stock` times, warming up included. The job gets a
/// number that is new each time.
pub(crate) async fn drive(
    target: &Target,
    effort: &Effort,
    connections: usize,
    stock: usize,
    job: impl AsyncFn(&mut Connection, usize) -> Result<()>,
) -> Result<Figures> {
    let mut open = connect(target, connections).await?;
    let next = Cell::new(0);
    run(&mut open, &next, stock, effort.warm_up, &job).await?;
    let watch = Stopwatch::start(&target.process)?;
    watch.stop(run(&mut open, &next, stock, effort.measure, &job).await?)
}

/// Does `job` once for each number below `count`, as fast as `connections` can.
pub(crate) async fn each(
    target: &Target,
    connections: usize,
    count: usize,
    job: impl AsyncFn(&mut Connection, usize) -> Result<()>,
) -> Result<()> {
    let mut open = connect(target, connections).await?;
    run(&mut open, &Cell::new(0), count, Duration::MAX, &job).await.map(drop)
}

pub(crate) async fn connect(target: &Target, connections: usize) -> Result<Vec<Connection>> {
    try_join_all((0..connections).map(|_| Connection::open(target.address))).await
}

async fn run(
    connections: &mut [Connection],
    next: &Cell<usize>,
    stock: usize,
    time: Duration,
    job: &impl AsyncFn(&mut Connection, usize) -> Result<()>,
) -> Result<Vec<Duration>> {
    let start = Instant::now();
    let workers = connections.iter_mut().map(async |connection| -> Result<Vec<Duration>> {
        let mut times = Vec::new();
        loop {
            let (number, from) = (next.get(), Instant::now());
            if number >= stock || from - start >= time {
                return Ok(times);
            }
            next.set(number + 1);
            job(connection, number).await?;
            times.push(from.elapsed());
        }
    });
    Ok(try_join_all(workers).await?.concat())
}
