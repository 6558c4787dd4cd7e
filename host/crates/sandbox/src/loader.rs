//! From files to a generation that may serve, stage by stage.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::bindings::{DataProviderHostPre, exports, types};
use crate::cache::{Cache, hex};
use crate::call::{self, Answer, Budget};
use crate::compile::{self, CompileMode, MAX_WASM_BYTES};
use crate::contract::{self, Capability};
use crate::directory::{component_path, grant_path, read_grant, read_regular};
use crate::engine::compatibility_digest;
use crate::error::{CallError, LimitKind};
use crate::generation::{Generation, to_call_error};
use crate::grant::Grant;
use crate::guest::{Guest, World};
use crate::limits::Limits;
use crate::options::SandboxOptions;
use crate::registry::Slot;
use crate::status::{Serving, Stage};
use crate::text::{cut, escaped};
use crate::{imports, wasi};

/// Bytes of what `describe` returns; part of the contract in `wit/`.
const MAX_DESCRIPTION: usize = 64 << 10;

/// How much of a plugin's words the status shows.
const MAX_SHOWN_PROBLEMS: usize = 20;
const MAX_SHOWN_TEXT: usize = 1 << 10;

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
    pub(crate) sha256: String,
    pub(crate) grant: Grant,
    digest: [u8; 32],
    wasm: Vec<u8>,
    files: BTreeMap<String, Arc<[u8]>>,
}

/// Loads plugins.
pub(crate) struct Loader {
    dir: PathBuf,
    ceilings: Limits,
    compile: CompileMode,
    engine: Engine,
    cache: Option<Arc<Cache>>,
    /// Everything that needs no grant.
    base: Linker<Guest>,
}

impl Loader {
    pub(crate) fn new(options: &SandboxOptions, engine: Engine) -> wasmtime::Result<Self> {
        let mut base = Linker::new(&engine);
        wasi::add_to_linker(&mut base)?;
        imports::add_base_to_linker(&mut base)?;
        let digest = compatibility_digest(&engine);
        Ok(Self {
            dir: options.plugin_dir.clone(),
            ceilings: options.ceilings.clone(),
            compile: options.compile.clone(),
            cache: Cache::open(&options.cache_dir, options.cache_key, digest).map(Arc::new),
            engine,
            base,
        })
    }

    /// Reads all files of a plugin and checks what can be checked without running anything.
    pub(crate) async fn verify(&self, name: &str) -> Result<Verified, Failure> {
        let (dir, ceilings, name) = (self.dir.clone(), self.ceilings.clone(), name.to_owned());
        let read = blocking(move || read(&dir, &ceilings, &name)).await.flatten();
        read.map_err(|reason| rejected(Stage::Verified, reason))
    }

    /// Takes a generation through the remaining stages; `slot` shows how far it came.
    pub(crate) async fn activate(&self, name: &str, verified: Verified, slot: &Slot) -> Result<Generation, Failure> {
        let Verified { generation, sha256, grant, digest, wasm, files } = verified;
        // Where only grants or files changed, the code that serves is the code: nothing to load, and
        // the pool's memory stays warm for it.
        let serving = slot.serving.load_full().filter(|serving| serving.identity.sha256 == sha256);
        let component = match serving {
            Some(serving) => serving.component.instance_pre().component().clone(),
            None => self.compiled(digest, wasm).await.map_err(|reason| rejected(Stage::Compiled, reason))?,
        };
        slot.reach(Stage::Compiled);

        let linked = self.linked(&component, &grant, slot)?;
        slot.reach(Stage::Linked);

        let mut candidate = Candidate {
            component: linked,
            limits: grant.limits,
            world: World {
                plugin: name.into(),
                digest: cut(&sha256, 12).into(),
                config: Arc::new(grant.config),
                files: Arc::new(files),
                prepared: Arc::new([]),
            },
        };
        let description = candidate.configured().await?;
        slot.learn(|newest| {
            newest.version = Some(escaped(&description.version));
            newest.summary = Some(escaped(&description.summary));
        });
        slot.reach(Stage::Configured);

        candidate.probed().await?;
        slot.reach(Stage::Probed);
        Ok(Generation {
            identity: Serving { generation, sha256, version: escaped(&description.version) },
            slots: Semaphore::new(usize::try_from(candidate.limits.concurrency).unwrap_or(1)),
            limits: candidate.limits,
            component: candidate.component,
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

    fn linked(&self, component: &Component, grant: &Grant, slot: &Slot) -> Result<DataProviderHostPre<Guest>, Failure> {
        let shape = contract::examine(&self.engine, &component.component_type())
            .map_err(|reason| rejected(Stage::Linked, reason))?;
        slot.learn(|newest| newest.kind = Some(shape.kind));
        let granted = |capability: &Capability| match capability {
            Capability::Files => !grant.files.is_empty(),
        };
        let missing: Vec<&str> = shape
            .capabilities
            .iter()
            .filter(|capability| !granted(capability))
            .map(|capability| capability.grant_lines())
            .collect();
        if !missing.is_empty() {
            let missing = missing.join("\n");
            return Err(Failure { outcome: Outcome::Pending { missing }, may_pass: false });
        }
        self.link(component, granted(&Capability::Files))
            .map_err(|error| rejected(Stage::Linked, format!("it does not link: {error:#}")))
    }

    /// A capability that is not granted is not there: nothing at run time has to refuse it.
    fn link(&self, component: &Component, files: bool) -> wasmtime::Result<DataProviderHostPre<Guest>> {
        let mut linker = self.base.clone();
        if files {
            imports::add_files_to_linker(&mut linker)?;
        }
        DataProviderHostPre::new(linker.instantiate_pre(component)?)
    }
}

/// A generation that is linked and has not answered anything yet.
struct Candidate {
    component: DataProviderHostPre<Guest>,
    limits: Limits,
    world: World,
}

/// What a plugin says about itself.
#[derive(Debug, Deserialize)]
struct Description {
    version: String,
    summary: String,
}

impl Candidate {
    async fn configured(&self) -> Result<Description, Failure> {
        let stage = |reason| rejected(Stage::Configured, reason);
        let text = self
            .ask(&Budget::of_call(&self.limits), |store, plugin| {
                Box::pin(plugin.chancery_plugin_lifecycle().call_describe(store))
            })
            .await
            .map_err(|error| failed(Stage::Configured, "describe", &error))?;
        if text.len() > MAX_DESCRIPTION {
            return Err(stage(format!("describe gave {} bytes", text.len())));
        }
        let description: Description = serde_json::from_str(&text)
            .map_err(|error| stage(format!("describe gave no valid description: {error}")))?;
        let config = serde_json::to_string(&*self.world.config).map_err(|error| stage(error.to_string()))?;
        self.ask(&Budget::of_call(&self.limits), |store, plugin| {
            Box::pin(async move {
                let lifecycle = plugin.chancery_plugin_lifecycle();
                lifecycle.call_validate_config(store, &config).await
            })
        })
        .await
        .map_err(|error| failed(Stage::Configured, "validate-config", &error))?
        .map_err(|problems| stage(show_problems(&problems)))?;
        Ok(description)
    }

    async fn probed(&mut self) -> Result<(), Failure> {
        let budget = Budget::of_prepare(&self.limits);
        let prepared = self
            .ask(&budget, |store, plugin| Box::pin(plugin.chancery_plugin_lifecycle().call_prepare(store)))
            .await
            .and_then(|answer| self.understood(answer))
            .map_err(|error| failed(Stage::Probed, "prepare", &error))?;
        self.world.prepared = prepared.into();
        self.ask(&Budget::of_call(&self.limits), |store, plugin| {
            Box::pin(plugin.chancery_plugin_lifecycle().call_health(store))
        })
        .await
        .and_then(|answer| self.understood(answer))
        .map_err(|error| failed(Stage::Probed, "health", &error))
    }

    async fn ask<R>(
        &self,
        budget: &Budget,
        entry: impl for<'a> FnOnce(&'a mut wasmtime::Store<Guest>, &'a crate::bindings::DataProviderHost) -> Answer<'a, R>,
    ) -> Result<R, CallError> {
        let context = budget.context("", None);
        let outcome = call::run(&self.component, self.world.clone(), context, budget, entry);
        match outcome.await {
            Ok((answer, _)) => Ok(answer),
            Err(fault) => Err(fault.into_call_error(&self.world.plugin)),
        }
    }

    fn understood<T>(&self, answer: Result<T, types::Error>) -> Result<T, CallError> {
        answer.map_err(|error| to_call_error(&self.world.plugin, error))
    }
}

fn read(dir: &Path, ceilings: &Limits, name: &str) -> Result<Verified, String> {
    let path = component_path(dir, name);
    let wasm = read_regular(&path, MAX_WASM_BYTES, "the most a component may have")?;
    check_kind(&wasm)?;
    let digest: [u8; 32] = Sha256::digest(&wasm).into();
    let sha256 = hex(&digest);
    let text = read_grant(dir, name)?;
    let grant_name = grant_path(dir, name);
    let grant = Grant::parse(&text, dir, ceilings).map_err(|error| format!("{}: {error}", grant_name.display()))?;
    if let Some(pin) = grant.sha256.as_ref().filter(|pin| **pin != sha256) {
        return Err(format!("its digest is {sha256}, and {} pins {pin}", grant_name.display()));
    }
    let mut identity = Sha256::new();
    identity.update(digest);
    identity.update(Sha256::digest(&text));
    let mut files = BTreeMap::new();
    for file in &grant.files {
        let content = read_regular(&file.host, grant.limits.file, "limits.file")?;
        identity.update(Sha256::digest(&file.guest));
        identity.update(Sha256::digest(&content));
        files.insert(file.guest.clone(), content.into());
    }
    Ok(Verified { generation: hex(&identity.finalize()[..16]), sha256, grant, digest, wasm, files })
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

fn show_problems(problems: &[exports::lifecycle::ConfigProblem]) -> String {
    let show = |problem: &exports::lifecycle::ConfigProblem| {
        let path = escaped(cut(&problem.path, MAX_SHOWN_TEXT));
        let message = escaped(cut(&problem.message, MAX_SHOWN_TEXT));
        format!("[config] {path}: {message}")
    };
    if problems.is_empty() {
        return "the plugin refuses its configuration without a reason".to_owned();
    }
    let shown: Vec<String> = problems.iter().take(MAX_SHOWN_PROBLEMS).map(show).collect();
    shown.join("\n")
}

fn rejected(stage: Stage, reason: String) -> Failure {
    Failure { outcome: Outcome::Rejected { stage, reason }, may_pass: false }
}

/// A lifecycle call that gave no answer, or an error.
fn failed(stage: Stage, call: &str, error: &CallError) -> Failure {
    let may_pass = match error {
        CallError::Unavailable { .. } => true,
        CallError::Limit { which, .. } => matches!(which, LimitKind::Cpu | LimitKind::Wall),
        _ => false,
    };
    let reason = format!("{call}: {}", error.detail());
    Failure { outcome: Outcome::Rejected { stage, reason }, may_pass }
}
