//! Files in, facts or refusals out.

use std::io::Write as _;

use mlo_model::{ModelError, inspect, inspect_bytes};
use proptest::prelude::*;
use prost::Message as _;

use crate::onnx::{self, Attribute, Graph, Sparse, external, kind, node};

fn text(bytes: &[u8]) -> String {
    match inspect_bytes(bytes) {
        Ok(facts) => format!("read: {} nodes", facts.nodes),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_facts_of_a_classifier_with_zipmap() {
    let facts = inspect_bytes(&onnx::zipmap_classifier()).unwrap();
    let expected = serde_json::json!({
        "digest": facts.digest,
        "size_bytes": onnx::zipmap_classifier().len(),
        "ir_version": 8,
        "opsets": {"ai.onnx": 17, "ai.onnx.ml": 3},
        "producer_name": "tests",
        "producer_version": "1",
        "graph_name": "zipmap",
        "metadata": {},
        "inputs": [{"name": "X", "dtype": "float", "shape": ["N", 2]}],
        "outputs": [
            {"name": "label", "dtype": "int64", "shape": ["N"]},
            {"name": "probabilities", "dtype": "seq(map(int64,float))", "shape": null},
        ],
        "parameters": 0,
        "nodes": 2,
    });
    assert_eq!(serde_json::to_value(&facts).unwrap(), expected);
}

#[test]
fn a_file_and_its_bytes_have_the_same_facts_and_the_digest_that_sha256sum_prints() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&onnx::regression()).unwrap();
    let facts = inspect(file.path()).unwrap();
    assert_eq!(facts, inspect_bytes(&onnx::regression()).unwrap());
    assert_eq!(facts.parameters, 3);
    let printed = std::process::Command::new("sha256sum").arg(file.path()).output().unwrap().stdout;
    assert_eq!(facts.digest, format!("sha256:{}", String::from_utf8_lossy(&printed[..64])));
}

#[test]
fn weights_that_old_files_list_as_inputs_are_not_inputs() {
    let mut model = onnx::Model::decode(onnx::regression().as_slice()).unwrap();
    model.graph.as_mut().unwrap().input.push(onnx::port("W", kind::FLOAT, &[Some(2), Some(1)]));
    let facts = inspect_bytes(&model.encode_to_vec()).unwrap();
    assert_eq!(facts.inputs.iter().map(|port| port.name.as_str()).collect::<Vec<_>>(), ["X"]);
}

/// The regression with one change.
fn changed(change: impl FnOnce(&mut onnx::Model)) -> Vec<u8> {
    let mut model = onnx::Model::decode(onnx::regression().as_slice()).unwrap();
    change(&mut model);
    model.encode_to_vec()
}

fn in_graph(change: impl FnOnce(&mut Graph)) -> Vec<u8> {
    changed(|model| change(model.graph.as_mut().unwrap()))
}

/// A graph that holds `inner` in an `If` of an `If` … `depth` times.
fn buried(inner: Graph, depth: usize) -> Graph {
    (0..depth).fold(inner, |graph, _| Graph {
        node: vec![node("If", &["c"], &["y"]).with(Attribute::graph("then_branch", graph))],
        ..Graph::default()
    })
}

#[test]
fn data_in_another_file_is_refused_wherever_it_hides() {
    let holds = |attribute: Attribute| {
        in_graph(|graph| graph.node.push(node("Constant", &[], &["c"]).with(attribute)))
    };
    let sparse = |values, indices| Sparse { values: Some(values), indices: Some(indices), dims: vec![4] };
    let plain = || onnx::integers("i", &[1], &[0]);
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("an initializer", in_graph(|graph| graph.initializer.push(external("leak")))),
        (
            "only a location flag",
            in_graph(|graph| {
                graph.initializer.push(onnx::Tensor { external_data: vec![], ..external("leak") });
            }),
        ),
        (
            "only the entries",
            in_graph(|graph| {
                graph.initializer.push(onnx::Tensor { data_location: 0, ..external("leak") });
            }),
        ),
        (
            "a flag of another value",
            in_graph(|graph| {
                graph.initializer.push(onnx::Tensor { data_location: 7, ..external("leak") });
            }),
        ),
        (
            "a sparse initializer's values",
            in_graph(|graph| {
                graph.sparse_initializer.push(sparse(external("leak"), plain()));
            }),
        ),
        (
            "a sparse initializer's indices",
            in_graph(|graph| {
                graph.sparse_initializer.push(sparse(plain(), external("leak")));
            }),
        ),
        ("a Constant's tensor", holds(Attribute::tensor("value", external("leak")))),
        ("a list of tensors", holds(Attribute { tensors: vec![external("leak")], ..Attribute::default() })),
        (
            "a Constant's sparse tensor",
            holds(Attribute {
                sparse_tensor: Some(sparse(external("leak"), plain())),
                ..Attribute::default()
            }),
        ),
        (
            "a list of sparse tensors",
            holds(Attribute {
                sparse_tensors: vec![sparse(plain(), external("leak"))],
                ..Attribute::default()
            }),
        ),
        (
            "a list of graphs",
            holds(Attribute {
                graphs: vec![Graph { initializer: vec![external("leak")], ..Graph::default() }],
                ..Attribute::default()
            }),
        ),
        (
            "an If within an If, 20 deep",
            in_graph(|graph| {
                let inner = Graph { initializer: vec![external("leak")], ..Graph::default() };
                graph.node.extend(buried(inner, 20).node);
            }),
        ),
        (
            "a function's node",
            changed(|model| {
                let holder = node("Constant", &[], &["c"]).with(Attribute::tensor("value", external("leak")));
                model.functions.push(onnx::Function { node: vec![holder], ..onnx::Function::default() });
            }),
        ),
        (
            "a function's default",
            changed(|model| {
                let attribute = vec![Attribute::tensor("value", external("leak"))];
                model.functions.push(onnx::Function { attribute, ..onnx::Function::default() });
            }),
        ),
        (
            "a training graph",
            changed(|model| {
                let initialization = Some(Graph { initializer: vec![external("leak")], ..Graph::default() });
                model.training_info.push(onnx::Training { initialization });
            }),
        ),
    ];
    for (place, bytes) in rows {
        assert_eq!(text(&bytes), elsewhere(why_not(place)), "{place}");
    }
}

fn why_not(place: &str) -> &'static str {
    match place {
        "an initializer" => "that is not a file in the model's own folder",
        "only a location flag" | "only the entries" | "a flag of another value" => {
            "it does not say clearly where"
        }
        _ => "only weights of the main graph may",
    }
}

fn elsewhere(why: &str) -> String {
    let what = "the tensor `leak` of the ONNX file keeps its data in another file";
    format!("{what}, and {why}; save the model as one file")
}

/// A model with a weight of 16 bytes in a file, from this byte of it.
fn beside(location: &str, offset: &str) -> Vec<u8> {
    let entry = |key: &str, value: &str| onnx::Entry { key: key.to_owned(), value: value.to_owned() };
    let external_data = vec![entry("location", location), entry("offset", offset), entry("length", "16")];
    in_graph(|graph| {
        graph.initializer.push(onnx::Tensor { external_data, ..external("W") });
    })
}

#[test]
fn weights_may_be_in_files_of_the_models_own_folder() {
    use sha2::{Digest as _, Sha256};
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    let lay = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), bytes).unwrap();
        path
    };
    std::fs::create_dir(folder.path().join("weights")).unwrap();
    lay("weights/w.bin", &[7; 32]);
    lay("short.bin", &[7; 31]);
    #[cfg(unix)]
    std::os::unix::fs::symlink(outside.path(), folder.path().join("link.bin")).unwrap();
    let model = beside("weights/w.bin", "16");
    let facts = inspect(&lay("model.onnx", &model)).unwrap();
    let hex = |bytes: &[u8]| {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
    };
    let listing = format!("{}  -\n{}  weights/w.bin\n", hex(&model), hex(&[7; 32]));
    assert_eq!(facts.digest, format!("sha256:{}", hex(listing.as_bytes())));
    assert_eq!(
        (facts.data_files.as_slice(), facts.size_bytes),
        (&["weights/w.bin".to_owned()][..], model.len() as u64 + 32)
    );
    let files = mlo_model::read_files(&folder.path().join("model.onnx")).unwrap();
    assert_eq!(mlo_model::inspect_files(&files).unwrap(), facts, "in memory it is the same");
    let rows = [
        ("short.bin", "16", "that file ends before the data does"),
        ("weights/w.bin", "18446744073709551615", "it does not say clearly where"),
        ("weights/w.bin", "-1", "it does not say clearly where"),
        ("nowhere.bin", "0", "there is no such file beside the model"),
        ("../w.bin", "0", "that is not a file in the model's own folder"),
        ("*/_ORT_MEM_ADDR_/*", "0", "that is not a file in the model's own folder"),
        #[cfg(unix)]
        ("link.bin", "0", "that is not a file in the model's own folder"),
    ];
    for (location, offset, why) in rows {
        let model = beside(location, offset);
        let path = lay("model.onnx", &model);
        let refused = [inspect(&path).map(drop), mlo_model::read_files(&path).map(drop)];
        for refused in refused {
            let text = refused.unwrap_err().to_string();
            assert!(text.contains(&format!("another file, and {why}; ")), "{location}: {text}");
        }
    }
    let twice = in_graph(|graph| {
        let entry = onnx::Entry { key: "location".to_owned(), value: "short.bin".to_owned() };
        graph.initializer.push(onnx::Tensor { external_data: vec![entry.clone(), entry], ..external("W") });
    });
    assert!(text(&twice).contains("it does not say clearly where"), "readers may differ: {}", text(&twice));
}

#[test]
fn what_is_not_a_model_is_refused_in_words() {
    let model = onnx::regression();
    let ort = [&[0, 0, 0, 0][..], b"ORTM", &model].concat();
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing", vec![], "the model file is empty"),
        (
            "text",
            b"hello, I am not a model\n".to_vec(),
            "the file is not an ONNX model: its first bytes mean nothing in that format",
        ),
        ("a pickle", vec![0x80, 4, 0x95, 0, 0, 0], "the file is not an ONNX model: it is a Python pickle"),
        (
            "a PyTorch archive",
            b"PK\x03\x04....".to_vec(),
            "the file is not an ONNX model: it is a ZIP archive, such as PyTorch and Keras write",
        ),
        (
            "a Git LFS pointer",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00".to_vec(),
            "the file is not an ONNX model: it is a Git LFS pointer, not the file that it stands for",
        ),
        (
            "ONNX Runtime's format",
            ort,
            "the file is not an ONNX model: it is in ONNX Runtime's own format (ORT)",
        ),
        ("no graph", changed(|model| model.graph = None), "the file is not an ONNX model: it has no graph"),
        (
            "no format version",
            changed(|model| model.ir_version = 0),
            "the file is not an ONNX model: it does not say which version of the format it has",
        ),
        (
            "no operators",
            changed(|model| model.opset_import.clear()),
            "the file is not an ONNX model: it does not say which operators it uses",
        ),
        (
            "a negative dimension",
            in_graph(|graph| graph.initializer[0].dims = vec![-1]),
            "the ONNX file is damaged at byte 60: a tensor has a negative dimension",
        ),
        (
            "graphs nested beyond protobuf's limit",
            in_graph(|graph| graph.node.extend(buried(Graph::default(), 40).node)),
            "the ONNX file is damaged at byte 1094: it is nested too deeply",
        ),
        (
            "a name of a megabyte",
            in_graph(|graph| graph.input[0].name = "x".repeat(1 << 20)),
            "the ONNX file has more than 4096 bytes in one name",
        ),
        (
            "a million inputs",
            in_graph(|graph| {
                graph.input = vec![onnx::ValueInfo::default(); 1_000_000];
            }),
            "the ONNX file has more than 16777216 bytes of names",
        ),
    ];
    for (what, bytes, expected) in rows {
        assert_eq!(text(&bytes), expected, "{what}");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused_or_at_least_has_other_facts() {
    let whole = onnx::zipmap_classifier();
    let facts = inspect_bytes(&whole).unwrap();
    for length in 0..whole.len() {
        match inspect_bytes(&whole[..length]) {
            Err(_) => {}
            // A cut between two fields leaves a shorter file that is a model still; its digest tells.
            Ok(shorter) => assert_ne!(shorter.digest, facts.digest, "cut at {length}"),
        }
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_and_a_device_are_refused_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.onnx");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for path in [pipe.as_path(), std::path::Path::new("/dev/zero"), folder.path()] {
        assert!(matches!(inspect(path), Err(ModelError::NotAFile { .. })), "{}", path.display());
    }
}

#[test]
fn a_file_of_more_than_two_gigabytes_is_refused_unread() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(3 << 30).unwrap();
    assert!(
        matches!(inspect(file.path()), Err(ModelError::TooLarge { size_bytes, .. }) if size_bytes == 3 << 30)
    );
    assert!(matches!(mlo_model::read(file.path()), Err(ModelError::TooLarge { .. })));
}

/// Two megabytes of empty nodes would be some hundred megabytes as structures; as a stream they are a counter.
#[test]
fn a_swarm_of_empty_nodes_is_only_counted() {
    let swarm = in_graph(|graph| graph.node = vec![onnx::Node::default(); 1_000_000]);
    assert_eq!(text(&swarm), "read: 1000000 nodes");
}

prop_compose! {
    fn any_tensor()(name in "[a-z]{0,6}", dims in prop::collection::vec(0_i64..9, 0..4), external in prop::bool::weighted(0.02))
        -> onnx::Tensor {
        if external { external_named(&name) } else { onnx::floats(&name, &dims, &[1.0, 2.0]) }
    }
}

fn external_named(name: &str) -> onnx::Tensor {
    onnx::external(name)
}

fn any_graph() -> impl Strategy<Value = Graph> {
    let leaf = (prop::collection::vec(any_tensor(), 0..3), "[a-z]{0,4}")
        .prop_map(|(initializer, name)| Graph { name, initializer, ..Graph::default() });
    leaf.prop_recursive(4, 24, 3, |inner| {
        (prop::collection::vec(any_tensor(), 0..3), prop::collection::vec(inner, 0..3), "[a-z]{0,4}")
            .prop_map(|(initializer, graphs, name)| Graph {
                node: graphs
                    .into_iter()
                    .map(|graph| node("If", &[], &[]).with(Attribute::graph("then_branch", graph)))
                    .collect(),
                initializer,
                name,
                ..Graph::default()
            })
    })
}

/// Whether prost, the other reader, finds a tensor with external data in a graph.
fn leaks(graph: &Graph) -> bool {
    graph.initializer.iter().any(|tensor| tensor.data_location != 0)
        || graph.node.iter().flat_map(|node| &node.attribute).any(|it| it.g.as_ref().is_some_and(leaks))
}

proptest! {
    /// The streaming reader and prost agree on what is in a file.
    #[test]
    fn two_readers_agree(graph in any_graph()) {
        let bytes = onnx::bytes(graph);
        let graph = onnx::Model::decode(bytes.as_slice()).unwrap().graph.unwrap();
        match inspect_bytes(&bytes) {
            Err(ModelError::ExternalData { .. }) => prop_assert!(leaks(&graph)),
            Err(other) => prop_assert!(false, "{other}"),
            Ok(facts) => {
                prop_assert!(!leaks(&graph));
                prop_assert_eq!(facts.nodes, graph.node.len() as u64);
                prop_assert_eq!(facts.graph_name, graph.name);
                let elements = graph.initializer.iter().map(|it| it.dims.iter().product::<i64>().cast_unsigned());
                prop_assert_eq!(facts.parameters, elements.sum::<u64>());
            }
        }
    }

    /// Bytes of any kind are answered, and what prost refuses is never taken for a model.
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = inspect_bytes(&bytes);
    }

    /// A model with a few bytes changed is read or refused, and never accepted when prost cannot read it.
    #[test]
    fn changed_bytes_are_read_as_prost_reads_them(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = onnx::zipmap_classifier();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        // Packed numbers are skipped here and read by prost, so damage inside them is ONNX Runtime's to refuse.
        if let (Ok(facts), Ok(model)) = (inspect_bytes(&bytes), onnx::Model::decode(bytes.as_slice())) {
            prop_assert_eq!(facts.nodes, model.graph.unwrap_or_default().node.len() as u64);
        }
    }
}
