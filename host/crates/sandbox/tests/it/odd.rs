//! Components that no toolchain would make.

/// A component that imports and exports empty instances under these names.
pub(crate) fn component(imports: &[&str], exports: &[&str]) -> Vec<u8> {
    let imports = imports.iter().map(|n| format!("(import {n:?} (instance))"));
    let exports = exports.iter().map(|n| format!("(export {n:?} (instance $i))"));
    let parts: Vec<String> = imports.chain(["(instance $i)".to_owned()]).chain(exports).collect();
    wat::parse_str(format!("(component {})", parts.join(" "))).unwrap()
}

/// Looks like a data provider until its functions are looked for.
pub(crate) fn hollow() -> Vec<u8> {
    component(&[], &DATA_PROVIDER)
}

pub(crate) const DATA_PROVIDER: [&str; 2] = ["chancery:plugin/lifecycle@0.1.0", "chancery:plugin/data-provider@0.1.0"];
