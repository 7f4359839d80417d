//! Where this checkout is, and a short name that tells it from others on the same machine.

use std::env;
use std::path::{Path, PathBuf};

/// The workspace root: the folder that holds the root `Cargo.toml`.
pub fn root() -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().and_then(Path::parent);
    crates
        .expect("this crate lives two folders below the workspace root")
        .to_path_buf()
}

/// Cargo's target folder: `CARGO_TARGET_DIR` (relative to the root), else `target`.
pub fn target() -> PathBuf {
    let folder = env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty());
    root().join(folder.map_or_else(|| PathBuf::from("target"), PathBuf::from))
}

/// Eight hex digits derived from the checkout's path: keeps several checkouts on one machine apart.
pub fn tag() -> String {
    tag_of(&root())
}

/// FNV-1a: stable over compilers and runs, which the standard hasher does not promise.
fn tag_of(path: &Path) -> String {
    let hash = path
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{:08x}", (hash >> 32) ^ (hash & 0xffff_ffff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_holds_the_workspace_manifest() {
        let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();

        assert!(manifest.contains("[workspace]"));
    }

    #[test]
    fn two_checkouts_have_two_tags_and_one_checkout_keeps_its_own() {
        let one = tag_of(Path::new("/home/ada/turnpike"));

        assert_eq!(one, tag_of(Path::new("/home/ada/turnpike")));
        assert_ne!(one, tag_of(Path::new("/home/ada/turnpike-2")));
        assert_eq!(one.len(), 8);
    }
}
