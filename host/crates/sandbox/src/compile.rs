//! Compilation of a component to native code, by default in a child process: what a hostile
//! component can make the compiler use is outside the engine's promises.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, nice, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use wasmtime::Engine;

use crate::cache::NativeCode;
use crate::engine::compile_config;
use crate::quantity::show_size;
use crate::text::escaped;

/// A component may be this large.
pub(crate) const MAX_WASM_BYTES: u64 = 64 << 20;

/// Its native code may be this large.
const MAX_NATIVE_BYTES: u64 = 512 << 20;

/// What the compile worker may use. The largest guest measured takes 11 s and 390 MiB.
const WORKER_CPU_SECONDS: u64 = 180;
const WORKER_ADDRESS_SPACE: u64 = 8 << 30;
const WORKER_THREADS: &str = "4";
/// The server's requests go first: added to the worker's nice value.
const WORKER_NICENESS: i32 = 10;
const WORKER_WALL: Duration = Duration::from_mins(5);

/// How much of the worker's error output is kept.
const MAX_ERROR_BYTES: u64 = 4 << 10;

/// Where components are compiled.
#[derive(Clone, Debug)]
pub enum CompileMode {
    /// In a child process, which must do nothing but call [`compile_worker`].
    Child {
        /// The program, usually the running one.
        program: PathBuf,
        /// Its arguments.
        args: Vec<OsString>,
    },
    /// In this process: without limits on what the compiler uses, so for trusted components only.
    InProcess,
}

/// The whole of a compile worker: a component on stdin, native code on stdout, errors on stderr.
/// Limits its own process, so call it first thing in `main`.
pub fn compile_worker() -> ExitCode {
    let outcome = limit_this_process().and_then(|()| compile_stdin());
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

/// Compiles a component. The error is for the operator.
pub(crate) async fn compile(mode: &CompileMode, engine: &Engine, wasm: Vec<u8>) -> Result<NativeCode, String> {
    let code = match mode {
        CompileMode::Child { program, args } => compile_in_child(program, args, &wasm).await?,
        CompileMode::InProcess => {
            let engine = engine.clone();
            let task = tokio::task::spawn_blocking(move || precompile(&engine, &wasm));
            task.await.map_err(|error| error.to_string())??
        }
    };
    Ok(NativeCode::from_compiler(code))
}

fn precompile(engine: &Engine, wasm: &[u8]) -> Result<Vec<u8>, String> {
    let code = engine.precompile_component(wasm);
    // It may quote names of the component.
    code.map_err(|error| escaped(&format!("it does not compile: {error:#}")))
}

fn limit_this_process() -> Result<(), String> {
    let limits = [(Resource::Cpu, WORKER_CPU_SECONDS), (Resource::As, WORKER_ADDRESS_SPACE), (Resource::Core, 0)];
    for (resource, limit) in limits {
        let limit = Rlimit { current: Some(limit), maximum: Some(limit) };
        setrlimit(resource, limit).map_err(|error| format!("cannot set a limit: {error}"))?;
    }
    // Before there are threads: on Linux it holds for this one and those that it starts.
    nice(WORKER_NICENESS).map_err(|error| format!("cannot lower the priority: {error}"))?;
    Ok(())
}

fn compile_stdin() -> Result<(), String> {
    let mut wasm = Vec::new();
    let stdin = std::io::stdin().lock();
    let read = stdin.take(MAX_WASM_BYTES + 1).read_to_end(&mut wasm);
    let bytes = read.map_err(|error| format!("cannot read the component: {error}"))?;
    if u64::try_from(bytes).is_ok_and(|bytes| bytes > MAX_WASM_BYTES) {
        return Err(format!("larger than {}", show_size(MAX_WASM_BYTES)));
    }
    let engine = Engine::new(&compile_config()).map_err(|error| format!("{error:#}"))?;
    let code = precompile(&engine, &wasm)?;
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(&code).and_then(|()| stdout.flush());
    written.map_err(|error| format!("cannot write the code: {error}"))
}

async fn compile_in_child(program: &Path, args: &[OsString], wasm: &[u8]) -> Result<Vec<u8>, String> {
    let mut child = Command::new(program)
        .args(args)
        .env_clear() // The server's environment may hold secrets.
        .env("RAYON_NUM_THREADS", WORKER_THREADS)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("the compile worker does not start: {error}"))?;
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err("the compile worker has no pipes".to_owned());
    };
    let feed = async move {
        // A worker that fails early closes the pipe; its own message says why.
        let _ = stdin.write_all(wasm).await;
    };
    let work = async {
        let code = read_capped(stdout, MAX_NATIVE_BYTES + 1);
        let errors = read_capped(stderr, MAX_ERROR_BYTES);
        tokio::join!(feed, code, errors, child.wait())
    };
    let outcome = tokio::time::timeout(WORKER_WALL, work).await;
    let ((), code, errors, status) =
        outcome.map_err(|_| format!("compiling took longer than {} s", WORKER_WALL.as_secs()))?;
    let status = status.map_err(|error| format!("the compile worker is lost: {error}"))?;
    if !status.success() {
        let errors = String::from_utf8_lossy(&errors);
        let said = escaped(errors.trim());
        return Err(if said.is_empty() { format!("the compile worker ended with {status}") } else { said });
    }
    if u64::try_from(code.len()).is_ok_and(|bytes| bytes > MAX_NATIVE_BYTES) {
        let limit = show_size(MAX_NATIVE_BYTES);
        return Err(format!("its native code is larger than {limit}"));
    }
    Ok(code)
}

/// Reads up to `limit` bytes, then closes the pipe, so that a worker that writes more ends.
async fn read_capped(pipe: impl tokio::io::AsyncRead + Unpin, limit: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = pipe.take(limit).read_to_end(&mut bytes).await;
    bytes
}
