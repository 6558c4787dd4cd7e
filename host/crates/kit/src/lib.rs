//! The author's kit: plugin projects, their templates, toolchains and builds.
//!
//! Nothing that an author needs comes from a registry of ours: SDKs, templates, the WIT contract and the locks of the
//! toolchains are inside the binary.
//!
//! * `embedded` – the files that come with the binary
//! * `project`, `world` – a project on disk: its manifest, its world, its `sdk/`
//! * `new` – making one from a template
//! * `tools` – finding and installing toolchains, running them
//! * `build` – from a project to a component, one module a language
//! * `component`, `inspect` – encoding components, and what one is and wants

pub mod build;
mod component;
mod embedded;
pub mod inspect;
pub mod new;
pub mod project;
pub mod tools;
pub mod world;

pub use project::{Language, Project, ProjectError, write_by_rename};
pub use tools::{Tools, ToolsError};
