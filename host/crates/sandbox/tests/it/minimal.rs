//! A whole plugin by hand: it compiles in no time, and tests can put into it what no toolchain would.

/// A working data provider, which knows Ada and nobody else, of a few hundred bytes.
pub(crate) fn minimal() -> Vec<u8> {
    minimal_with("", "")
}

/// The same with more in its core module, and more in the component around it.
pub(crate) fn minimal_with(core: &str, component: &str) -> Vec<u8> {
    let text = include_str!("minimal.wat").replace("(;core;)", core).replace("(;component;)", component);
    wat::parse_str(text).unwrap()
}
