//! `wit/` itself: it resolves, every member is documented, and bindings can be generated.

use wit_parser::{Docs, Function, Interface, Resolve, Type, TypeDef, TypeDefKind};

use crate::dummy::wit;

/// Compiling is the test: each world gives bindings.
mod bindings {
    #![allow(
        clippy::allow_attributes,
        dead_code,
        missing_debug_implementations,
        unreachable_pub,
        reason = "generated code, which nobody calls"
    )]

    pub(crate) mod data_provider {
        wasmtime::component::bindgen!({
            path: ["../../../wit/host", "../../../wit/plugin"],
            world: "chancery:plugin/data-provider-plugin",
        });
    }
    pub(crate) mod vc_issuance {
        wasmtime::component::bindgen!({
            path: ["../../../wit/host", "../../../wit/plugin"],
            world: "chancery:plugin/vc-issuance-plugin",
        });
    }
    pub(crate) mod audit {
        wasmtime::component::bindgen!({
            path: ["../../../wit/host", "../../../wit/plugin"],
            world: "chancery:plugin/audit-plugin",
        });
    }
    /// The capabilities, which no released world imports.
    pub(crate) mod capabilities {
        wasmtime::component::bindgen!({
            path: ["../../../wit/host"],
            inline: "
                package test:capabilities;
                world all {
                    include chancery:host/base@0.1.0;
                    import chancery:host/files@0.1.0;
                    import chancery:host/sql@0.1.0;
                    import chancery:host/kv@0.1.0;
                    import chancery:host/secrets@0.1.0;
                    import chancery:host/reveal@0.1.0;
                    import chancery:host/sign@0.1.0;
                }
            ",
        });
    }
}

fn resolve() -> Resolve {
    let mut resolve = Resolve::default();
    resolve.push_dir(wit("host")).unwrap();
    resolve.push_dir(wit("plugin")).unwrap();
    resolve
}

#[test]
fn each_world_is_narrow_and_exports_one_kind() {
    let resolve = resolve();
    let kinds =
        [("data-provider-plugin", "data-provider"), ("vc-issuance-plugin", "vc-issuance"), ("audit-plugin", "audit")];
    for (world, kind) in kinds {
        let id = resolve.packages.iter().map(|(id, _)| id).collect::<Vec<_>>();
        let world = format!("chancery:plugin/{world}");
        let world = &resolve.worlds[resolve.select_world(&id, Some(&world)).unwrap()];
        let names = |items: &mut dyn Iterator<Item = &wit_parser::WorldKey>| {
            let mut names: Vec<String> = items.map(|key| resolve.name_world_key(key)).collect();
            names.sort();
            names
        };
        assert_eq!(
            names(&mut world.exports.keys()),
            ["chancery:plugin/lifecycle@0.1.0".to_owned(), format!("chancery:plugin/{kind}@0.1.0")]
                .iter()
                .cloned()
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
        );
        let base = ["blobs", "config", "log", "prepared", "trace"];
        let host = base.map(|name| format!("chancery:host/{name}@0.1.0"));
        let imports = names(&mut world.imports.keys());
        let imports: Vec<&String> = imports.iter().filter(|n| n.contains(":host/")).collect();
        assert_eq!(imports, host.iter().collect::<Vec<_>>());
    }
}

#[test]
fn the_layout_for_tools_that_take_one_path_resolves() {
    let project = tempfile::tempdir().unwrap();
    let deps = project.path().join("deps");
    for package in ["host", "plugin"] {
        let target = deps.join(format!("chancery-{package}"));
        std::fs::create_dir_all(&target).unwrap();
        for file in std::fs::read_dir(wit(package)).unwrap() {
            let file = file.unwrap().path();
            std::fs::copy(&file, target.join(file.file_name().unwrap())).unwrap();
        }
    }
    let world = "package org:farmer@0.1.0;
        world plugin {
            include chancery:plugin/data-provider-plugin@0.1.0;
            import chancery:host/files@0.1.0;
        }";
    std::fs::write(project.path().join("world.wit"), world).unwrap();
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(project.path()).unwrap();
    assert!(resolve.select_world(&[package], Some("plugin")).is_ok());
}

#[test]
fn every_member_is_documented() {
    let resolve = resolve();
    let mut bare = Vec::new();
    for (_, package) in &resolve.packages {
        check(&mut bare, &package.name.to_string(), &package.docs);
    }
    for (_, world) in &resolve.worlds {
        check(&mut bare, &world.name, &world.docs);
    }
    for (_, interface) in &resolve.interfaces {
        check_interface(&mut bare, &resolve, interface);
    }
    assert!(bare.is_empty(), "without a comment: {bare:#?}");
    assert!(resolve.interfaces.len() >= 16);
}

fn check_interface(bare: &mut Vec<String>, resolve: &Resolve, interface: &Interface) {
    let name = interface.name.clone().unwrap();
    check(bare, &name, &interface.docs);
    for Function { name: f, docs, .. } in interface.functions.values() {
        check(bare, &format!("{name}.{f}"), docs);
    }
    for id in interface.types.values() {
        check_type(bare, &name, &resolve.types[*id]);
    }
}

fn check_type(bare: &mut Vec<String>, interface: &str, ty: &TypeDef) {
    let name = format!("{interface}.{}", ty.name.clone().unwrap());
    let mut members: Vec<(&String, &Docs)> = Vec::new();
    match &ty.kind {
        // A `use` of another interface's type, which is documented there.
        TypeDefKind::Type(Type::Id(_)) => return,
        TypeDefKind::Record(r) => members.extend(r.fields.iter().map(|f| (&f.name, &f.docs))),
        TypeDefKind::Variant(v) => members.extend(v.cases.iter().map(|c| (&c.name, &c.docs))),
        TypeDefKind::Enum(e) => members.extend(e.cases.iter().map(|c| (&c.name, &c.docs))),
        TypeDefKind::Resource => {}
        other => panic!("{name}: check the members of a {}", other.as_str()),
    }
    check(bare, &name, &ty.docs);
    for (member, docs) in members {
        check(bare, &format!("{name}.{member}"), docs);
    }
}

fn check(bare: &mut Vec<String>, name: &str, docs: &Docs) {
    if docs.contents.as_ref().is_none_or(|text| text.trim().is_empty()) {
        bare.push(name.to_owned());
    }
}
