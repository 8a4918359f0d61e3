//! Configurations of many resources, in the shapes in which people write them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::failure::Failure;

/// Resources of the innermost modules of [`nested`], and modules of each module above them.
const NESTED: usize = 10;

/// Blocks of one file of a tree.
const BLOCKS_OF_A_FILE: usize = 10_000;

/// How many resources are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A block each, each of which refers to the one above it in a binary tree.
    Tree,
    /// One block with `for_each`.
    ForEach,
    /// Modules in modules, each with `for_each`.
    Modules,
}

impl Shape {
    /// What a table calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tree => "blocks",
            Self::ForEach => "for_each",
            Self::Modules => "modules",
        }
    }

    /// Writes a configuration of `resources` resources. `-var change=2` changes one of them.
    pub(crate) fn write(self, folder: &Path, resources: usize) -> Result<(), Failure> {
        let named = |(name, text): (&str, String)| (name.to_owned(), text);
        let files: Vec<(String, String)> = match self {
            Self::Tree => tree_files(resources),
            Self::ForEach => vec![named(("main.tf", CHANGE.to_owned() + &for_each(resources)))],
            Self::Modules => nested(resources).into_iter().map(named).collect(),
        };
        for (name, text) in files {
            let file = folder.join(&name);
            let parent = file.parent().unwrap_or(folder);
            fs::create_dir_all(parent).map_err(|error| Failure::io("making", parent, &error))?;
            fs::write(&file, text).map_err(|error| Failure::io("writing", &file, &error))?;
        }
        Ok(())
    }
}

const CHANGE: &str = "variable \"change\" {\n  default = 1\n}\n\n";

/// Files of at most [`BLOCKS_OF_A_FILE`] blocks: nobody writes more into one, and `mlo` reads no more than 500,000 values.
fn tree_files(resources: usize) -> Vec<(String, String)> {
    let text = tree(resources);
    let blocks: Vec<_> = text.split_inclusive("\n}\n").collect();
    let files = blocks.chunks(BLOCKS_OF_A_FILE).enumerate();
    let files = files.map(|(number, blocks)| (format!("blocks-{number}.tf"), blocks.concat()));
    files.chain([("main.tf".to_owned(), CHANGE.to_owned())]).collect()
}

/// The last one, to which no other refers, changes with the variable.
fn tree(resources: usize) -> String {
    let mut text = String::from("resource \"terraform_data\" \"n0\" {\n  input = \"root\"\n}\n");
    for child in 1..resources {
        let parent = (child - 1) / 2;
        let change = if child + 1 == resources { "/${var.change}" } else { "" };
        writeln!(
            text,
            "\nresource \"terraform_data\" \"n{child}\" {{\n  input = \"${{terraform_data.n{parent}.output}}/{child}{change}\"\n}}"
        )
        .expect("text does not fail");
    }
    text
}

fn for_each(resources: usize) -> String {
    // `range` gives 1,024 numbers at most, in both programs.
    let keys = "flatten([for a in range(ceil(N / 1000)) : [for b in range(min(1000, N - a * 1000)) : a * 1000 + b]])"
        .replace('N', &resources.to_string());
    format!(
        "resource \"terraform_data\" \"n\" {{\n  for_each = toset([for n in {keys} : tostring(n)])\n  \
         input    = each.key == \"0\" ? var.change : 1\n}}\n"
    )
}

fn nested(resources: usize) -> Vec<(&'static str, String)> {
    let call = |source: &str, count: usize, change: &str| {
        format!(
            "{CHANGE}module \"m\" {{\n  source   = \"{source}\"\n  for_each = toset([for n in range({count}) : tostring(n)])\n  \
             change   = {change}\n}}\n"
        )
    };
    let first = "each.key == \"0\" ? var.change : 1";
    let leaf = format!(
        "{CHANGE}resource \"terraform_data\" \"n\" {{\n  count = {NESTED}\n  input = count.index == 0 ? var.change : 1\n}}\n"
    );
    let outer = resources / NESTED / NESTED;
    vec![
        ("main.tf", call("./outer", outer, first)),
        ("outer/main.tf", call("../inner", NESTED, first)),
        ("inner/main.tf", leaf),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_resource_of_a_tree_refers_to_the_one_above_it_and_the_last_one_changes() {
        let text = tree(4);
        assert_eq!(text.matches("resource ").count(), 4);
        for (child, parent) in [(1, 0), (2, 0), (3, 1)] {
            let reference = format!("\"n{child}\" {{\n  input = \"${{terraform_data.n{parent}.output}}");
            assert!(text.contains(&reference), "{text}");
        }
        assert_eq!(text.matches("var.change").count(), 1);
        assert!(text.ends_with("/3/${var.change}\"\n}\n"), "{text}");
    }

    #[test]
    fn a_tree_of_many_blocks_is_more_than_one_file() {
        let files = tree_files(2 * BLOCKS_OF_A_FILE + 1);
        let blocks: Vec<_> = files.iter().map(|(_, text)| text.matches("resource ").count()).collect();
        assert_eq!(blocks, [BLOCKS_OF_A_FILE, BLOCKS_OF_A_FILE, 1, 0]);
    }

    #[test]
    fn a_thousand_resources_lie_in_ten_modules_of_ten_modules() {
        let files = nested(1_000);
        assert!(files[0].1.contains("range(10)") && files[2].1.contains("count = 10"), "{files:?}");
    }
}
