//! The running host and the peer, asked from outside.

mod credential;
mod flow;
mod memory;
mod start_up;

use std::{fs, path::Path};

use tokio::runtime::{Builder, Runtime};

use crate::{
    Arguments, Result,
    example::{DATA_INTEGRITY, SD_JWT},
    load::{Target, drive},
    measure::Effort,
    peer::Peer,
    report::{Report, System},
    site::Site,
    wallet::Wallets,
};

/// Connections at once.
const CONNECTIONS: [usize; 2] = [1, 32];
/// Where a file system in memory is on Linux: a database there is fast and not durable.
const MEMORY: &str = "/dev/shm";

/// A server under load, and what it takes to load it.
struct Subject<'a> {
    system: System,
    target: &'a Target,
    wallets: &'a Wallets,
    effort: &'a Effort,
    /// Answers an access token for making offers; the peer asks for none.
    site: Option<&'a Site>,
}

pub(crate) fn measure(report: &mut Report, effort: &Effort, arguments: &Arguments, work: &Path) -> Result<()> {
    // One thread for the load, the rest of the machine for the server.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let wallets = Wallets::new()?;
    let site = new_site(&work.join("site"), arguments, work)?;
    start_up::measure(report, effort, &site)?;
    start_up::measure_plugins(report, effort, arguments, &work.join("site-plugins"))?;

    memory::measure(report, &runtime, effort, &site, &wallets)?;

    let (server, _) = site.serve()?;
    let subject =
        Subject { system: System::Chancery, target: &server.target, wallets: &wallets, effort, site: Some(&site) };
    exchange(report, &runtime, &subject)?;
    for configuration in [SD_JWT, DATA_INTEGRITY] {
        credential::measure(report, &runtime, &subject, configuration)?;
        flow::measure(report, &runtime, &subject, configuration)?;
    }
    drop(server);

    in_memory(report, &runtime, &wallets, effort, arguments, work)?;
    if !arguments.no_peers {
        peer(report, &runtime, &wallets, effort, arguments, work)?;
    }
    Ok(())
}

fn new_site(dir: &Path, arguments: &Arguments, work: &Path) -> Result<Site> {
    let example = arguments.root.join("examples/farmer");
    Site::new(dir, &arguments.chancery, &example, &arguments.plugin, &work.join("farmers.csv"))
}

/// The cheapest JSON exchange that the host has: what HTTP itself costs, with all layers around it.
fn exchange(report: &mut Report, runtime: &Runtime, subject: &Subject<'_>) -> Result<()> {
    for connections in CONNECTIONS {
        let job = drive(subject.target, subject.effort, connections, usize::MAX, async |connection, _| {
            connection.post("/openid4vci/nonce", None, hyper::body::Bytes::new()).await.map(drop)
        });
        let figures = runtime.block_on(job)?;
        report.whole("nonce", "nonce endpoint: HTTP and a MAC", subject.system, connections, figures);
    }
    Ok(())
}

/// The same host with its database in memory, as the peer has it: like for like.
fn in_memory(
    report: &mut Report,
    runtime: &Runtime,
    wallets: &Wallets,
    effort: &Effort,
    arguments: &Arguments,
    work: &Path,
) -> Result<()> {
    if !fs::exists(MEMORY)? {
        return Ok(());
    }
    let dir = tempfile::tempdir_in(MEMORY)?;
    let site = new_site(&dir.path().join("site"), arguments, work)?;
    let (server, _) = site.serve()?;
    let system = System::ChanceryInMemory;
    let subject = Subject { system, target: &server.target, wallets, effort, site: Some(&site) };
    flow::measure(report, runtime, &subject, SD_JWT)
}

fn peer(
    report: &mut Report,
    runtime: &Runtime,
    wallets: &Wallets,
    effort: &Effort,
    arguments: &Arguments,
    work: &Path,
) -> Result<()> {
    let peer = Peer::new(&arguments.root);
    let parts = peer.parts(effort)?;
    report.whole("sd-jwt", "SD-JWT VC without a server", System::Node, 1, parts.sd_jwt.figures());
    report.whole("data-integrity", "eddsa-rdfc-2022 without a server", System::Node, 1, parts.data_integrity.figures());
    let (server, _) = peer.serve(&work.join("farmers.csv"), &work.join("peer.log"))?;
    let subject = Subject { system: System::Node, target: &server.target, wallets, effort, site: None };
    exchange(report, runtime, &subject)?;
    for configuration in [SD_JWT, DATA_INTEGRITY] {
        credential::measure(report, runtime, &subject, configuration)?;
        flow::measure(report, runtime, &subject, configuration)?;
    }
    Ok(())
}
