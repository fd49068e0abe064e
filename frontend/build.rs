//! Asks the linker to keep its relocations: xtask cuts the bundle into chunks along them, and drops them.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-arg-cdylib=--emit-relocs");
}
