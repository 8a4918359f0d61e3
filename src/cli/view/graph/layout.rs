//! Where boxes stand and how lines run between them: in layers, from left to right.
//!
//! A box stands in the layer after the last of what it waits for. A line that passes layers has a bend in each, so that
//! it runs beside the boxes there; all lines that begin at one box share their bends. Time is that of the boxes and lines
//! times their logarithm: of lines that pass many layers, the last ones get no bends.

/// Height of a box, in pixels.
pub(super) const BOX_HEIGHT: f64 = 28.0;
/// Room around a drawing.
pub(super) const MARGIN: f64 = 20.0;
/// Room between boxes of a layer.
const BETWEEN_BOXES: f64 = 14.0;
/// Room between layers.
const BETWEEN_LAYERS: f64 = 70.0;
/// Times that the layers are put in order by their neighbours.
const SWEEPS: usize = 8;
/// Bends of a drawing, for each of its boxes and lines.
const BENDS_EACH: usize = 4;

/// Boxes, then bends, and the pieces of lines between them: from what comes first to what waits.
pub(super) struct Layout {
    pub(super) places: Vec<Place>,
    pub(super) pieces: Vec<(usize, usize)>,
}

/// The left end, the middle in height, the width.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
}

/// Lays out boxes of these widths. An edge leads from a box to one that it waits for; there is no circle.
pub(super) fn lay_out(widths: &[f64], edges: &[(usize, usize)]) -> Layout {
    let count = widths.len();
    let turned = edges.iter().map(|(from, to)| (*to, *from));
    let (before, after) = neighbours(count, turned);
    let mut layer_of = layers(&before, &after);
    let pieces = pieces(&after, &mut layer_of, BENDS_EACH * (count + edges.len()));
    let mut layers = vec![Vec::new(); layer_of.iter().max().map_or(0, |last| last + 1)];
    for (item, layer) in layer_of.iter().enumerate() {
        layers.get_mut(*layer).into_iter().for_each(|layer| layer.push(item));
    }
    let (before, after) = neighbours(layer_of.len(), pieces.iter().copied());
    let mut y = vec![0.0; layer_of.len()];
    for sweep in 0..SWEEPS {
        let forward = sweep % 2 == 0;
        let near = if forward { &before } else { &after };
        for at in 0..layers.len() {
            let at = if forward { at } else { layers.len() - 1 - at };
            layers.get_mut(at).into_iter().for_each(|layer| settle(layer, near, &mut y, count));
        }
    }
    let top = y.iter().copied().reduce(f64::min).unwrap_or(0.0) - MARGIN - BOX_HEIGHT / 2.0;
    let mut places: Vec<_> = y.iter().map(|y| Place { x: 0.0, y: y - top, width: 0.0 }).collect();
    let mut x = MARGIN;
    for layer in &layers {
        let width = |item: &usize| widths.get(*item).copied();
        let widest = layer.iter().filter_map(width).fold(0.0, f64::max);
        for item in layer {
            if let Some(place) = places.get_mut(*item) {
                (place.x, place.width) = (x, width(item).unwrap_or(widest));
            }
        }
        x += widest + BETWEEN_LAYERS;
    }
    Layout { places, pieces }
}

/// What comes before each, and what after it.
fn neighbours(
    count: usize,
    lines: impl Iterator<Item = (usize, usize)>,
) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
    let (mut before, mut after) = (vec![Vec::new(); count], vec![Vec::new(); count]);
    for (from, to) in lines {
        if let (Some(after), Some(before)) = (after.get_mut(from), before.get_mut(to)) {
            after.push(to);
            before.push(from);
        }
    }
    (before, after)
}

/// The layer of each box: one more than the highest of what it waits for.
fn layers(before: &[Vec<usize>], after: &[Vec<usize>]) -> Vec<usize> {
    let mut layer = vec![0; before.len()];
    let mut waits_for: Vec<_> = before.iter().map(Vec::len).collect();
    let mut ready: Vec<_> =
        waits_for.iter().enumerate().filter_map(|(item, waits)| (*waits == 0).then_some(item)).collect();
    while let Some(item) = ready.pop() {
        let next = layer.get(item).copied().unwrap_or(0) + 1;
        for dependent in after.get(item).into_iter().flatten() {
            if let (Some(own), Some(waits)) = (layer.get_mut(*dependent), waits_for.get_mut(*dependent)) {
                *own = next.max(*own);
                *waits -= 1;
                if *waits == 0 {
                    ready.push(*dependent);
                }
            }
        }
    }
    layer
}

/// Cuts lines where they pass a layer; the layers of the bends are added.
fn pieces(after: &[Vec<usize>], layer_of: &mut Vec<usize>, mut bends_left: usize) -> Vec<(usize, usize)> {
    let mut pieces = Vec::new();
    for (item, waiting) in after.iter().enumerate() {
        let layer = |item: usize| layer_of.get(item).copied().unwrap_or(0);
        let mut waiting: Vec<_> = waiting.iter().map(|item| (layer(*item), *item)).collect();
        waiting.sort_unstable();
        let (mut at, mut end) = (layer(item), item);
        for (layer, target) in waiting {
            while at + 1 < layer && bends_left > 0 {
                at += 1;
                pieces.push((end, layer_of.len()));
                end = layer_of.len();
                layer_of.push(at);
                bends_left -= 1;
            }
            pieces.push((end, target));
        }
    }
    pieces
}

/// Puts the items of a layer in the order of the middles of their neighbours, each as near to its middle as there is
/// room.
fn settle(layer: &mut [usize], neighbours: &[Vec<usize>], y: &mut [f64], boxes: usize) {
    let middle = |item: usize| {
        let near = neighbours.get(item).map_or(&[][..], Vec::as_slice);
        let sum: f64 = near.iter().filter_map(|item| y.get(*item)).sum();
        let own = y.get(item).copied().unwrap_or(0.0);
        if near.is_empty() { own } else { sum / f64::from(u32::try_from(near.len()).unwrap_or(u32::MAX)) }
    };
    let mut wanted: Vec<_> = layer.iter().map(|item| (middle(*item), *item)).collect();
    wanted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let (mut low, mut shift) = (f64::NEG_INFINITY, 0.0);
    for ((middle, item), slot) in wanted.iter().zip(layer.iter_mut()) {
        let half = if *item < boxes { BOX_HEIGHT / 2.0 } else { 0.0 };
        let at = middle.max(low + half);
        low = at + half + BETWEEN_BOXES;
        shift += middle - at;
        y.get_mut(*item).into_iter().for_each(|y| *y = at);
        *slot = *item;
    }
    let shift = shift / f64::from(u32::try_from(layer.len().max(1)).unwrap_or(u32::MAX));
    for item in layer {
        y.get_mut(*item).into_iter().for_each(|y| *y += shift);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(widths: &[f64], edges: &[(usize, usize)]) {
        let Layout { places, pieces } = lay_out(widths, edges);
        for (from, to) in &pieces {
            assert!(places[*from].x + places[*from].width < places[*to].x, "{from} and {to}");
        }
        let height = |item: usize| if item < widths.len() { BOX_HEIGHT } else { 0.0 };
        for (a, one) in places.iter().enumerate() {
            for (b, other) in places.iter().enumerate().skip(a + 1) {
                let beside = one.x + one.width <= other.x || other.x + other.width <= one.x;
                let room = f64::midpoint(height(a), height(b)) + BETWEEN_BOXES - 0.001;
                assert!(beside || (one.y - other.y).abs() >= room, "{a}: {one:?} and {b}: {other:?}");
            }
        }
        let (before, _) = neighbours(places.len(), pieces.iter().copied());
        for (from, to) in edges {
            let mut at = vec![*from];
            while !at.contains(to) {
                at = at.iter().flat_map(|item| &before[*item]).copied().collect();
                assert!(!at.is_empty(), "no line leads from {from} to {to}");
                at.retain(|item| item == to || *item >= widths.len());
            }
        }
    }

    proptest! {
        #[test]
        fn lines_lead_right_and_nothing_touches(
            widths in prop::collection::vec(1.0..300.0, 1..20),
            edges in prop::collection::btree_set((0_usize..20, 0_usize..20), 0..40),
        ) {
            let edges: Vec<_> =
                edges.into_iter().filter(|(from, to)| *from < widths.len() && to < from).collect();
            check(&widths, &edges);
        }
    }

    #[test]
    fn a_long_chain_on_which_all_depends_stays_small() {
        let count = 20_000;
        let chain = (1..count).map(|item| (item, item - 1));
        let edges: Vec<_> = chain.chain((2..count).map(|item| (item, 0))).collect();
        let laid = lay_out(&vec![50.0; count], &edges);
        assert!(laid.places.len() <= count + BENDS_EACH * (count + edges.len()));
        assert!(lay_out(&[], &[]).places.is_empty());
    }
}
