//! From files to a generation that may serve, stage by stage.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::archive::{Archive, Files};
use crate::breaker::Breaker;
use crate::cache::{Cache, hex};
use crate::call::Idle;
use crate::candidate::Candidate;
use crate::capabilities::Capabilities;
use crate::compile::{self, CompileMode};
use crate::contract::{self, Shape};
use crate::directory::{MAX_GRANT_BYTES, grant_path, read_plugin, read_regular};
use crate::engine::compatibility_digest;
use crate::generation::{Generation, Kinds};
use crate::grant::{Grant, Piece};
use crate::guest::{Guest, World};
use crate::imports::log::LogRate;
use crate::limits::Limits;
use crate::options::SandboxOptions;
use crate::pool::Pool;
use crate::ports::Ports;
use crate::registry::Slot;
use crate::status::{Serving, Stage};
use crate::text::cut;
use crate::trust::Trust;
use crate::versions::exports::LifecyclePre;
use crate::versions::{self, Contracts};
use crate::{imports, wasi};

/// A file of certificates may be this large.
const MAX_ATTACHED_BYTES: u64 = 1 << 20;

/// First bytes of a component, and of a core module.
const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";
const CORE_MODULE: [u8; 8] = *b"\0asm\x01\0\0\0";

/// Why a generation does not serve.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) outcome: Outcome,
    /// Whether trying again without any change may help.
    pub(crate) may_pass: bool,
}

#[derive(Debug)]
pub(crate) enum Outcome {
    /// Carries the lines to add to the grant file.
    Pending { missing: String },
    /// Carries the stage that was not reached, and why.
    Rejected { stage: Stage, reason: String },
}

/// Files that were read and passed the checks that need no engine.
pub(crate) struct Verified {
    /// Identifies component, grant file and granted files together.
    pub(crate) generation: String,
    /// Identifies component and grant file.
    pub(crate) release: String,
    pub(crate) sha256: String,
    pub(crate) signer: Option<String>,
    pub(crate) grant: Grant,
    digest: [u8; 32],
    read: Files,
    files: BTreeMap<String, Arc<[u8]>>,
}

/// Loads plugins.
pub(crate) struct Loader {
    dir: PathBuf,
    ceilings: Limits,
    compile: CompileMode,
    engine: Engine,
    cache: Option<Arc<Cache>>,
    archive: Archive,
    ports: Ports,
    trust: Trust,
    contracts: Contracts,
    pool: Arc<Pool<Idle>>,
    /// Everything that needs no grant.
    base: Linker<Guest>,
}

impl Loader {
    pub(crate) fn new(options: &SandboxOptions, engine: Engine, pool: Arc<Pool<Idle>>) -> wasmtime::Result<Self> {
        let mut base = Linker::new(&engine);
        wasi::add_to_linker(&mut base)?;
        versions::add_base_to_linker(&mut base, &options.contracts)?;
        let digest = compatibility_digest(&engine);
        Ok(Self {
            dir: options.plugin_dir.clone(),
            ceilings: options.ceilings.clone(),
            compile: options.compile.clone(),
            cache: Cache::open(&options.cache_dir, options.cache_key, digest).map(Arc::new),
            archive: if options.archive { Archive::new(&options.cache_dir) } else { Archive::none() },
            ports: options.ports.clone(),
            trust: options.trust.clone(),
            contracts: options.contracts.clone(),
            pool,
            engine,
            base,
        })
    }

    /// Where earlier releases are.
    pub(crate) fn archive(&self) -> &Archive {
        &self.archive
    }

    /// Reads all files of a plugin and checks what can be checked without running anything.
    pub(crate) async fn verify(&self, name: &str) -> Result<Verified, Failure> {
        let (dir, links_out, plugin) = (self.dir.clone(), self.trust.allows_links_out(), name.to_owned());
        let read = blocking(move || read_plugin(&dir, &plugin, links_out)).await.flatten();
        self.checked(name, read.map_err(|reason| rejected(Stage::Verified, reason))?).await
    }

    /// Whether the server waits for a plugin whose files are not right. `None` where the grant file does
    /// not tell.
    pub(crate) async fn is_required(&self, name: &str) -> Option<bool> {
        Grant::is_required(&self.grant_text(name).await?)
    }

    /// What the grant file of a plugin allows whose files are not right. `None` where it does not tell.
    pub(crate) async fn granted(&self, name: &str) -> Option<BTreeSet<Piece>> {
        let grant = Grant::parse(&self.grant_text(name).await?, &self.dir, &self.ceilings);
        grant.ok().map(|grant| grant.pieces())
    }

    async fn grant_text(&self, name: &str) -> Option<String> {
        let path = grant_path(&self.dir, name);
        let read =
            move || if path.exists() { read_regular(&path, MAX_GRANT_BYTES, "grant file") } else { Ok(Vec::new()) };
        String::from_utf8(blocking(read).await.flatten().ok()?).ok()
    }

    /// The same for an earlier release.
    pub(crate) async fn verify_former(&self, name: &str, release: &str) -> Result<Verified, Failure> {
        let (archive, plugin, wanted) = (self.archive.clone(), name.to_owned(), release.to_owned());
        let read = blocking(move || archive.get(&plugin, &wanted).map_err(|error| error.to_string())).await.flatten();
        let reason = |reason| format!("the earlier release {release} cannot be put into service: {reason}");
        let verified = self.checked(name, read.map_err(|e| rejected(Stage::Verified, reason(e)))?).await?;
        if verified.release != release {
            return Err(rejected(Stage::Verified, reason("it was changed".to_owned())));
        }
        Ok(verified)
    }

    async fn checked(&self, name: &str, read: Files) -> Result<Verified, Failure> {
        let (dir, ceilings, trust, name) =
            (self.dir.clone(), self.ceilings.clone(), self.trust.clone(), name.to_owned());
        let verified = blocking(move || check(&dir, &ceilings, &trust, &name, read)).await.flatten();
        verified.map_err(|reason| rejected(Stage::Verified, reason))
    }

    /// Takes a generation through the remaining stages; `slot` shows how far it came.
    pub(crate) async fn activate(&self, name: &str, verified: Verified, slot: &Slot) -> Result<Generation, Failure> {
        let Verified { generation, release, sha256, grant, digest, read, files, .. } = verified;
        // Where only grants or files changed, the code that serves is the code: nothing to load, and
        // the pool's memory stays warm for it.
        let serving = slot.serving.load_full().filter(|serving| serving.identity.sha256 == sha256);
        let component = if let Some(serving) = serving {
            serving.kinds.component().clone()
        } else {
            let code = self.compiled(digest, read.wasm.clone()).await;
            code.map_err(|reason| rejected(Stage::Compiled, reason))?
        };
        slot.reach(Stage::Compiled);

        let (lifecycle, kinds) = self.linked(&component, &grant, slot)?;
        let capabilities = Capabilities::open(name, &grant, &self.ports).await;
        let capabilities = capabilities.map_err(|reason| rejected(Stage::Linked, reason))?;
        slot.reach(Stage::Linked);

        let pieces = grant.pieces();
        let mut candidate = Candidate {
            lifecycle,
            world: World {
                plugin: name.into(),
                digest: cut(&sha256, 12).into(),
                kind: kinds.kind(),
                config: Arc::new(grant.config),
                files: Arc::new(files),
                prepared: Arc::new([]),
                capabilities: Arc::new(capabilities),
                log_rate: Arc::new(LogRate::new(grant.limits.log_rate, Instant::now())),
                clock: self.ports.clock.clone(),
            },
            limits: grant.limits,
        };
        let description = candidate.configured().await?;
        slot.learn(|newest| {
            newest.version = Some(description.version.clone());
            newest.summary = Some(description.summary.clone());
        });
        slot.reach(Stage::Configured);

        candidate.probed().await?;
        slot.reach(Stage::Probed);
        let (archive, plugin, id) = (self.archive.clone(), name.to_owned(), release.clone());
        // Nothing depends on it: failure is a warning there.
        let _ = blocking(move || archive.put(&plugin, &id, &read)).await;
        Ok(Generation {
            identity: Serving { generation, release, sha256, version: description.version },
            slots: Semaphore::new(usize::try_from(candidate.limits.concurrency).unwrap_or(1)),
            share: self.pool.share(grant.warm),
            breaker: Breaker::default(),
            pieces,
            limits: candidate.limits,
            kinds,
            world: candidate.world,
        })
    }

    async fn compiled(&self, digest: [u8; 32], wasm: Vec<u8>) -> Result<Component, String> {
        let (cache, engine) = (self.cache.clone(), self.engine.clone());
        let cached = blocking(move || cached_component(cache.as_deref()?, &engine, &digest)).await?;
        if let Some(component) = cached {
            return Ok(component);
        }
        let code = compile::compile(&self.compile, &self.engine, wasm).await?;
        let (cache, engine) = (self.cache.clone(), self.engine.clone());
        let load = move || {
            let component = code.load(&engine);
            if let (Ok(_), Some(cache)) = (&component, cache) {
                cache.put(&digest, &code);
            }
            component
        };
        let component = blocking(load).await?;
        component.map_err(|error| format!("its code does not load: {error:#}"))
    }

    fn linked(&self, component: &Component, grant: &Grant, slot: &Slot) -> Result<(LifecyclePre, Kinds), Failure> {
        let shape = contract::examine(&self.engine, &component.component_type(), &self.contracts)
            .map_err(|reason| rejected(Stage::Linked, reason))?;
        slot.learn(|newest| {
            newest.kind = Some(shape.kind);
            newest.contract = Some(shape.contract);
        });
        if let Some(missing) = shape.missing_lines(grant) {
            return Err(Failure { outcome: Outcome::Pending { missing }, may_pass: false });
        }
        self.link(component, &shape).map_err(|error| rejected(Stage::Linked, format!("it does not link: {error:#}")))
    }

    /// A capability that is not granted is not there: nothing at run time has to refuse it.
    fn link(&self, component: &Component, shape: &Shape) -> wasmtime::Result<(LifecyclePre, Kinds)> {
        let mut linker = self.base.clone();
        for capability in &shape.capabilities {
            imports::add_to_linker(&mut linker, *capability)?;
        }
        let linked = linker.instantiate_pre(component)?;
        // Every kind has the lifecycle too.
        let lifecycle = LifecyclePre::new(shape.contract, linked.clone())?;
        Ok((lifecycle, Kinds::new(shape.kind, shape.contract, linked)?))
    }
}

fn check(dir: &Path, ceilings: &Limits, trust: &Trust, name: &str, read: Files) -> Result<Verified, String> {
    check_kind(&read.wasm)?;
    let digest: [u8; 32] = Sha256::digest(&read.wasm).into();
    let sha256 = hex(&digest);
    let grant_name = grant_path(dir, name);
    let grant =
        Grant::parse(&read.grant, dir, ceilings).map_err(|error| format!("{}: {error}", grant_name.display()))?;
    if let Some(pin) = grant.sha256.as_ref().filter(|pin| **pin != sha256) {
        return Err(format!("its digest is {sha256}, and {} pins {pin}", grant_name.display()));
    }
    let signer = trust.judge(name, &sha256, grant.sha256.is_some(), &read.wasm, read.signature.as_deref())?;
    let mut identity = Sha256::new();
    identity.update(digest);
    identity.update(Sha256::digest(&read.grant));
    let release = hex(&identity.clone().finalize()[..16]);
    let mut files = BTreeMap::new();
    for file in &grant.files {
        let content = read_regular(&file.host, grant.limits.file, "limits.file")?;
        identity.update(Sha256::digest(&file.guest));
        identity.update(Sha256::digest(&content));
        files.insert(file.guest.clone(), content.into());
    }
    for path in grant.attached() {
        identity.update(Sha256::digest(read_regular(path, MAX_ATTACHED_BYTES, "certificates")?));
    }
    let generation = hex(&identity.finalize()[..16]);
    Ok(Verified { generation, release, sha256, signer, grant, digest, read, files })
}

/// Reads files, or compiled code of many megabytes: nothing for a thread that serves requests.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    let task = tokio::task::spawn_blocking(work);
    task.await.map_err(|error| format!("loading was interrupted: {error}"))
}

fn cached_component(cache: &Cache, engine: &Engine, digest: &[u8; 32]) -> Option<Component> {
    let component = cache.get(digest)?.load(engine);
    let warn = |error: &wasmtime::Error| {
        let error = format!("{error:#}");
        tracing::warn!(error, "a compile cache entry does not load, compiling again");
    };
    component.inspect_err(warn).ok()
}

fn check_kind(wasm: &[u8]) -> Result<(), String> {
    if wasm.starts_with(&COMPONENT) {
        Ok(())
    } else if wasm.starts_with(&CORE_MODULE) {
        Err("it is a core module; a plugin is a component (build it for wasm32-wasip2)".to_owned())
    } else if wasm.is_empty() {
        Err("the file is empty".to_owned())
    } else {
        Err("it is not a WebAssembly component".to_owned())
    }
}

pub(crate) fn rejected(stage: Stage, reason: String) -> Failure {
    Failure { outcome: Outcome::Rejected { stage, reason }, may_pass: false }
}
