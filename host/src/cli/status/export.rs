//! Status lists as files. Verifiers fetch a list from its URL, so a static host has to answer at the same paths.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use url::Url;

use crate::app::App;
use crate::cli::{Failure, eprintln_line, print_line, with_causes};
use crate::issuance::issuers::Issuer;
use crate::status::{Document, Lookup, Representation};

pub(super) const HELP: &str = "\
A list at https://issuer.example/credentials/status-list/ID becomes the files credentials/status-list/ID.*, one for
each form, and DIR/status-lists.json says for each file at which URL and as which media type it is to be served, with
its ETag and Cache-Control. A file is replaced in one step. It fails where a list has ended, since no host runs that
renews it.

Examples:
  chancery status export /srv/www
  chancery status export /srv/www --watch";

/// How often --watch looks for new versions.
const WATCH: Duration = Duration::from_secs(1);
const INDEX: &str = "status-lists.json";

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The directory that the static host serves as the root of server.public_url.
    dir: PathBuf,
    /// Of this issuer only.
    #[arg(long)]
    issuer: Option<String>,
    /// Go on and write each new version, until the command is stopped.
    #[arg(long)]
    watch: bool,
}

/// How a file is to be served.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    url: String,
    media_type: &'static str,
    /// The query that asks for it, where it is not `Accept` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<&'static str>,
    file: String,
    etag: String,
    cache_control: String,
}

pub(super) async fn run(app: &App, arguments: &Arguments) -> Result<(), Failure> {
    let mut written = HashMap::new();
    let files = export(app, arguments, &mut written).await?;
    print_line(&format!("{files} files written to {}", arguments.dir.display()));
    if !arguments.watch {
        return Ok(());
    }
    loop {
        tokio::time::sleep(WATCH).await;
        // What cannot be read now may be there the next time.
        match export(app, arguments, &mut written).await {
            Ok(0) => {}
            Ok(files) => print_line(&format!("{files} files written to {}", arguments.dir.display())),
            Err(failure) => eprintln_line(&format!("chancery: {failure}")),
        }
    }
}

/// Writes what has another entity tag than in `written`; answers how many files.
async fn export(app: &App, arguments: &Arguments, written: &mut HashMap<String, String>) -> Result<usize, Failure> {
    let failed = |error| Failure::Failed(with_causes(&error));
    app.issuers.refresh().await.map_err(failed)?;
    app.status.refresh().await.map_err(failed)?;
    let (mut entries, mut files) = (Vec::new(), 0);
    for issuer in issuers(app, arguments)? {
        for credential in app.status.credentials(&issuer).await.map_err(failed)? {
            let (path, url_id) = place(&credential.url)?;
            for representation in Representation::ALL {
                let document = app.status.document(&issuer, url_id, representation, None).await.map_err(failed)?;
                let Lookup::Found(document) = document else { continue };
                let file = format!("{path}.{}", extension(representation));
                if written.get(&file) != Some(&document.etag) {
                    replace(&arguments.dir.join(&file), &document.body)?;
                    written.insert(file.clone(), document.etag.clone());
                    files += 1;
                }
                entries.push(entry(app, &credential.url, representation, file, &document));
            }
        }
    }
    if files > 0 || entries.is_empty() {
        let index = serde_json::to_vec_pretty(&entries).map_err(|e| Failure::Failed(e.to_string()))?;
        replace(&arguments.dir.join(INDEX), &index)?;
    }
    Ok(files)
}

fn issuers(app: &App, arguments: &Arguments) -> Result<Vec<Arc<Issuer>>, Failure> {
    match &arguments.issuer {
        None => Ok(app.issuers.all()),
        Some(id) => {
            let issuer = app.issuers.get(id).ok_or_else(|| Failure::Usage(format!("there is no issuer {id}")))?;
            Ok(vec![issuer])
        }
    }
}

/// The path of a list's URL below the root, and its last segment.
fn place(url: &str) -> Result<(String, &str), Failure> {
    let unusable = || Failure::Failed(format!("the status list {url} has no URL with a path"));
    let parsed = Url::parse(url).map_err(|_| unusable())?;
    let (_, url_id) = url.rsplit_once('/').ok_or_else(unusable)?;
    Ok((parsed.path().trim_start_matches('/').to_owned(), url_id))
}

const fn extension(representation: Representation) -> &'static str {
    match representation {
        Representation::DataIntegrity => "json",
        Representation::VcJwt => "vc.jwt",
        Representation::TokenStatusList => "statuslist.jwt",
        Representation::StatusList2021 => "StatusList2021.json",
    }
}

fn entry(app: &App, url: &str, representation: Representation, file: String, document: &Document) -> Entry {
    Entry {
        url: url.to_owned(),
        media_type: representation.media_type(),
        query: (representation == Representation::StatusList2021).then_some("format=StatusList2021"),
        file,
        etag: document.etag.clone(),
        cache_control: format!("public, max-age={}", app.status.settings().ttl.as_secs()),
    }
}

/// A reader sees the former file or the new one, whole.
fn replace(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let write = || -> io::Result<()> {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir)?;
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let new = path.with_file_name(name);
        std::fs::write(&new, content)?;
        std::fs::rename(&new, path)
    };
    write().map_err(|e| Failure::Failed(format!("{} cannot be written: {e}", path.display())))
}
