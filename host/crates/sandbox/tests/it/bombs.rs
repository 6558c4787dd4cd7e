//! Components that are small in the file and large for whoever reads, compiles or instantiates them.

use crate::minimal::minimal_with;

const PAGE: u32 = 65_536;

/// A plugin with a second module whose data lies far apart: `segments` of one byte each, in a memory
/// of as many pages as there are.
pub(crate) fn scattered(segments: u32, pages: u32) -> Vec<u8> {
    let stride = pages / segments * PAGE;
    let data: Vec<String> =
        (0..segments).map(|number| format!("(data (i32.const {}) \"x\")", number * stride)).collect();
    let data = data.concat();
    minimal_with("", &format!("(core module $bomb (memory {pages}) {data}) (core instance (instantiate $bomb))"))
}

/// A plugin with this many functions more than it needs.
pub(crate) fn functions(count: usize) -> Vec<u8> {
    let function = "(func (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))";
    minimal_with(&function.repeat(count), "")
}

/// Components inside of each other.
pub(crate) fn nested(depth: usize) -> Vec<u8> {
    let header = b"\0asm\x0d\0\x01\0";
    let mut component = header.to_vec();
    for _ in 1..depth {
        let inner = std::mem::replace(&mut component, header.to_vec());
        component.push(4);
        component.extend(leb128(inner.len()));
        component.extend(inner);
    }
    component
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        if number == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}
