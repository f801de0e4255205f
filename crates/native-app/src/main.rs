//! The binary `stratus`.

fn main() {}
