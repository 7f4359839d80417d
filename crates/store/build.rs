//! Cargo does not see files that a macro reads: a new migration must rebuild the crate that embeds it.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
