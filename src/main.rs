//! The `chiplog` command.

fn main() {}
