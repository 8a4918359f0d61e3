//! A graph as DOT, and as SVG by itself.
//!
//! Goes in: names and what each waits for. Comes out: text. Never happens: a layout that takes longer than its nodes
//! and edges times their logarithm.

mod layout;

use crate::diag::escape;
use layout::{BOX_HEIGHT, Layout, MARGIN, Place, lay_out};
use std::collections::HashSet;
use std::fmt::Write;

/// Width of a character, in pixels.
const CHARACTER: f64 = 7.3;

/// What a node is, by which it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Look {
    /// A resource, or what is done to an object.
    Object,
    /// A variable, local value or output.
    Value,
    /// A provider's configuration.
    Provider,
    /// Where many come together.
    Point,
}

/// Nodes, and edges from each to one that it waits for.
#[derive(Debug, Default)]
pub(in crate::cli) struct Drawing {
    pub(in crate::cli) nodes: Vec<(String, Look)>,
    pub(in crate::cli) edges: Vec<(usize, usize)>,
}

impl Drawing {
    /// As DOT: an arrow leads from a node to what it waits for, as Terraform has it.
    pub(in crate::cli) fn dot(&self) -> String {
        let mut out = String::from(
            "digraph G {\n  rankdir = \"RL\";\n  node [shape = rect, fontname = \"sans-serif\"];\n",
        );
        let mut seen = HashSet::new();
        let mut ids = Vec::new();
        for (number, (name, look)) in self.nodes.iter().enumerate() {
            let shape = match look {
                Look::Object => "",
                Look::Value => " [shape = ellipse]",
                Look::Provider => " [shape = hexagon]",
                Look::Point => " [shape = point]",
            };
            // What has no name, or that of another node, goes by its number.
            let unique = !name.is_empty() && seen.insert(name);
            let id = if unique { quoted(name) } else { quoted(&format!("{name}#{number}")) };
            let _ = writeln!(out, "  {id}{shape};");
            ids.push(id);
        }
        for (from, to) in &self.edges {
            if let (Some(from), Some(to)) = (ids.get(*from), ids.get(*to)) {
                let _ = writeln!(out, "  {from} -> {to};");
            }
        }
        out + "}\n"
    }

    /// As SVG: what comes first stands left; an arrow leads to what waits.
    pub(in crate::cli) fn svg(&self) -> String {
        let widths: Vec<_> = self.nodes.iter().map(|(name, look)| width(name, *look)).collect();
        let Layout { places, pieces } = lay_out(&widths, &self.edges);
        let right = places.iter().map(|place| place.x + place.width).fold(0.0, f64::max) + MARGIN;
        let bottom = places.iter().map(|place| place.y).fold(0.0, f64::max) + BOX_HEIGHT / 2.0 + MARGIN;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{right:.0}\" height=\"{bottom:.0}\" viewBox=\"0 0 {right:.0} {bottom:.0}\" font-family=\"ui-monospace, monospace\" font-size=\"12\">\n"
        );
        out.push_str("<defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#667\"/></marker></defs>\n");
        let _ = writeln!(out, "<rect width=\"{right:.0}\" height=\"{bottom:.0}\" fill=\"#fff\"/>");
        for (from, to) in pieces {
            if let (Some(before), Some(after)) = (places.get(from), places.get(to)) {
                line(&mut out, *before, *after, to < self.nodes.len());
            }
        }
        for ((name, look), place) in self.nodes.iter().zip(&places) {
            node(&mut out, name, *look, *place);
        }
        out + "</svg>\n"
    }
}

fn line(out: &mut String, before: Place, after: Place, is_end: bool) {
    let (x1, y1, x2, y2) = (before.x + before.width, before.y, after.x, after.y);
    let middle = f64::midpoint(x1, x2);
    let rest =
        if is_end { "\" marker-end=\"url(#a)\"".to_owned() } else { format!("H{:.1}\"", x2 + after.width) };
    let _ = writeln!(
        out,
        "<path fill=\"none\" stroke=\"#667\" d=\"M{x1:.1} {y1:.1}C{middle:.1} {y1:.1} {middle:.1} {y2:.1} {x2:.1} {y2:.1}{rest}/>"
    );
}

fn node(out: &mut String, name: &str, look: Look, Place { x, y, width }: Place) {
    let middle = x + width / 2.0;
    let (fill, stroke, round) = match look {
        Look::Object => ("#e8f0fe", "#3367d6", 3),
        Look::Value => ("#f4f4f4", "#888", 14),
        Look::Provider => ("#fef3e0", "#b06000", 3),
        Look::Point => {
            let _ = writeln!(out, "<circle cx=\"{middle:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"#667\"/>");
            return;
        }
    };
    let _ = writeln!(
        out,
        "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{BOX_HEIGHT}\" rx=\"{round}\" fill=\"{fill}\" stroke=\"{stroke}\"/><text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
        y - BOX_HEIGHT / 2.0,
        y + 4.0,
        xml(name)
    );
}

fn width(name: &str, look: Look) -> f64 {
    let characters = u32::try_from(escape(name).chars().count()).unwrap_or(u32::MAX);
    if look == Look::Point { 8.0 } else { f64::from(characters) * CHARACTER + 16.0 }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escape(text).replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

fn xml(text: &str) -> String {
    escape(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing() -> Drawing {
        let nodes = [
            ("var.a", Look::Value),
            ("t.b[\"<k>\"]", Look::Object),
            ("t.c", Look::Object),
            ("", Look::Point),
        ];
        Drawing {
            nodes: nodes.into_iter().map(|(name, look)| (name.to_owned(), look)).collect(),
            edges: vec![(1, 0), (2, 1), (2, 0), (3, 2)],
        }
    }

    #[test]
    fn dot_leads_from_what_waits_to_what_it_waits_for() {
        let dot = drawing().dot();
        assert!(dot.starts_with("digraph G {\n") && dot.ends_with("}\n"), "{dot}");
        assert!(
            dot.contains("  \"t.c\" -> \"t.b[\\\"<k>\\\"]\";\n")
                && dot.contains("  \"#3\" [shape = point];\n"),
            "{dot}"
        );
    }

    #[test]
    fn a_picture_has_names_and_arrows() {
        let svg = drawing().svg();
        assert!(svg.contains(">t.b[\"&lt;k&gt;\"]</text>") && svg.ends_with("</svg>\n"), "{svg}");
        // All but the point have a name; each edge ends with an arrow.
        assert_eq!((svg.matches("<text").count(), svg.matches("marker-end").count()), (3, 4), "{svg}");
        assert!(Drawing::default().svg().ends_with("</svg>\n"));
    }
}
