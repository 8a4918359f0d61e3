//! What `cargo xtask test` obtains: programs and cases of others. The unit tests of policies look here too.

use std::path::PathBuf;

/// The program `opa`: `MLO_TEST_OPA`, else where `cargo xtask test` keeps it.
pub(crate) fn opa() -> PathBuf {
    obtained("MLO_TEST_OPA", "opa-v1.22.0-", &format!("bin/opa{}", std::env::consts::EXE_SUFFIX))
}

/// What the variable names, else a part of what `cargo xtask test` keeps under a name that begins so.
pub(crate) fn obtained(variable: &str, tool: &str, part: &str) -> PathBuf {
    let named = std::env::var_os(variable).map(PathBuf::from);
    named
        .or_else(|| kept(tool, part))
        .unwrap_or_else(|| panic!("no {part} here: run `cargo xtask test`, which obtains it"))
}

/// A part of what is kept under a name that begins so; of several, what was made last.
pub(crate) fn kept(tool: &str, part: &str) -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = named("XDG_CACHE_HOME").or_else(|| named("LOCALAPPDATA")).or_else(|| {
        named("HOME")
            .map(|home| home.join(if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" }))
    });
    let entries = std::fs::read_dir(cache?.join("mlo/tools")).ok()?.flatten();
    let of_tool = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(tool));
    let parts = of_tool.map(|entry| entry.path().join(part)).filter(|path| path.exists());
    parts.max_by_key(|path| path.metadata().and_then(|metadata| metadata.modified()).ok())
}
