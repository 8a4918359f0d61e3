//! What `cargo xtask test` obtains: programs and cases of others. The unit tests of policies look here too.

use std::path::PathBuf;

/// The program `opa`: `MLO_TEST_OPA`, else where `cargo xtask test` keeps it.
pub(crate) fn opa() -> PathBuf {
    let named = std::env::var_os("MLO_TEST_OPA").map(PathBuf::from);
    let program = format!("bin/opa{}", std::env::consts::EXE_SUFFIX);
    let found = named.or_else(|| kept("opa-v1.22.0-", &program));
    found.expect("no opa here to compare with: run `cargo xtask test`, which obtains it")
}

/// A part of what is kept under a name that begins so.
pub(crate) fn kept(tool: &str, part: &str) -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = named("XDG_CACHE_HOME").or_else(|| named("LOCALAPPDATA")).or_else(|| {
        named("HOME")
            .map(|home| home.join(if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" }))
    });
    std::fs::read_dir(cache?.join("mlo/tools")).ok()?.flatten().find_map(|entry| {
        let path = entry.path().join(part);
        (entry.file_name().to_string_lossy().starts_with(tool) && path.exists()).then_some(path)
    })
}
