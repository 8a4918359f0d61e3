//! HCL modules that are built into the binary.
//!
//! Goes in: the name in an address `mlo://name`. Comes out: the module's files. Never happens: a file from outside.

/// A file of a module: its name and its text.
pub type ModuleFile = (&'static str, &'static str);

/// The files of the module that serves a model by a cluster.
const ON_KUBERNETES: &[ModuleFile] = &[
    ("locals.hcl", include_str!("../modules/model-deployment/kubernetes/locals.hcl")),
    ("monitoring.hcl", include_str!("../modules/model-deployment/kubernetes/monitoring.hcl")),
    ("network.hcl", include_str!("../modules/model-deployment/kubernetes/network.hcl")),
    ("outputs.hcl", include_str!("../modules/model-deployment/kubernetes/outputs.hcl")),
    ("variables.hcl", include_str!("../modules/model-deployment/kubernetes/variables.hcl")),
    ("workload.hcl", include_str!("../modules/model-deployment/kubernetes/workload.hcl")),
];

/// Every module, by name.
const MODULES: &[(&str, &[ModuleFile])] = &[
    ("model-deployment/kubernetes", ON_KUBERNETES),
    ("model-deployment/local", &[("main.hcl", include_str!("../modules/model-deployment/local/main.hcl"))]),
    ("root", &[("main.hcl", include_str!("../modules/root/main.hcl"))]),
];

/// The files of the module `mlo://name`; nothing if there is none of that name. `root` is what a folder means that has
/// manifests and no HCL.
pub fn builtin(name: &str) -> Option<&'static [ModuleFile]> {
    MODULES.iter().find(|(known, _)| *known == name).map(|(_, files)| *files)
}

/// The names of all modules, in order, for messages.
pub fn names() -> impl Iterator<Item = &'static str> {
    MODULES.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};

    fn files_below(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files = entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] });
        files.collect()
    }

    #[test]
    fn every_file_of_the_modules_folder_is_built_in() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules");
        let mut expected: Vec<_> = files_below(&root)
            .iter()
            .map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/"))
            .collect();
        expected.sort();
        let built_in =
            names().flat_map(|name| builtin(name).unwrap().iter().map(move |(file, _)| (name, file)));
        let built_in: Vec<_> = built_in.map(|(name, file)| format!("{name}/{file}")).collect();
        assert_eq!(built_in, expected);
        assert_eq!(builtin("nowhere"), None);
    }

    #[test]
    fn every_module_is_hcl_and_calls_only_modules_that_there_are() {
        for name in names() {
            for (file, text) in builtin(name).unwrap() {
                let body: hcl_edit::structure::Body =
                    text.parse().unwrap_or_else(|error| panic!("{name}/{file}: {error}"));
                let modules = body.get_blocks("module");
                for source in modules.filter_map(|block| block.body.get_attribute("source")) {
                    let source = source.value.as_str().unwrap();
                    let called = source.strip_prefix("mlo://").unwrap();
                    assert!(builtin(called).is_some(), "{name}/{file} calls {source}");
                }
            }
        }
    }

    #[test]
    fn services_of_modules_give_arguments_that_the_provider_knows() {
        let providers = crate::provider::all();
        let schema = &providers["local"].schema().resources["local_inference_service"].block;
        for (file, text) in builtin("model-deployment/local").unwrap() {
            let body: hcl_edit::structure::Body = text.parse().unwrap();
            for block in body.get_blocks("resource") {
                for attribute in block.body.attributes() {
                    let known = schema.attributes.get(attribute.key.as_str());
                    assert!(
                        known.is_some_and(crate::lang::eval::AttributeSchema::is_argument),
                        "{file}: {}",
                        attribute.key.as_str()
                    );
                }
            }
        }
    }
}
