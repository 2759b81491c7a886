//! The order of the vertices within each layer: few crossings, by medians and by swapping neighbours.

/// Vertices by layer, and what they are joined with in the layers above and below.
pub(crate) struct Layers {
    pub(crate) rows: Vec<Vec<usize>>,
    pub(crate) above: Vec<Vec<usize>>,
    pub(crate) below: Vec<Vec<usize>>,
}

/// How many sweeps there are at most; fewer for graphs so large that each takes long.
const SWEEPS_MAX: usize = 16;
const SWEEPS_LARGE_MAX: usize = 4;
const LARGE_VERTICES: usize = 6_000;

/// A vertex that is joined with more is not swapped with its neighbours: the medians must do.
const SWAPPED_DEGREE_MAX: usize = 64;

/// Orders the rows, and gives the place of each vertex in its row.
pub(crate) fn order(layers: &mut Layers) -> Vec<usize> {
    let mut place = places(layers);
    let mut best = (crossings(layers, &place), layers.rows.clone());
    let count: usize = layers.rows.iter().map(Vec::len).sum();
    let sweeps = if count > LARGE_VERTICES { SWEEPS_LARGE_MAX } else { SWEEPS_MAX };
    for sweep in 0..sweeps {
        if best.0 == 0 {
            break;
        }
        let is_down = sweep % 2 == 0;
        let rows = layers.rows.len();
        for step in 0..rows {
            let row = if is_down { step } else { rows - 1 - step };
            let joined = if is_down { &layers.above } else { &layers.below };
            by_median(&mut layers.rows[row], joined, &mut place);
        }
        swap(layers, &mut place);
        let found = crossings(layers, &place);
        if found < best.0 {
            best = (found, layers.rows.clone());
        }
    }
    layers.rows = best.1;
    places(layers)
}

fn places(layers: &Layers) -> Vec<usize> {
    let mut place = vec![0; layers.above.len()];
    for row in &layers.rows {
        row.iter().enumerate().for_each(|(at, &vertex)| place[vertex] = at);
    }
    place
}

/// Sorts a row by the medians of what its vertices are joined with; one that is joined with nothing stays.
fn by_median(row: &mut [usize], joined: &[Vec<usize>], place: &mut [usize]) {
    let medians: Vec<Option<f64>> = row.iter().map(|&vertex| median(&joined[vertex], place)).collect();
    let mut moving: Vec<(f64, usize)> =
        row.iter().zip(&medians).filter_map(|(&vertex, median)| median.map(|median| (median, vertex))).collect();
    moving.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut moving = moving.into_iter();
    for (slot, _) in row.iter_mut().zip(&medians).filter(|(_, median)| median.is_some()) {
        *slot = moving.next().expect("one vertex for each median").1;
    }
    row.iter().enumerate().for_each(|(at, &vertex)| place[vertex] = at);
}

fn median(joined: &[usize], place: &[usize]) -> Option<f64> {
    let mut places: Vec<usize> = joined.iter().map(|&vertex| place[vertex]).collect();
    places.sort_unstable();
    let middle = places.len() / 2;
    match places.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(places[middle] as f64),
        2 => Some((places[0] + places[1]) as f64 / 2.0),
        _ => {
            let left = (places[middle - 1] - places[0]) as f64;
            let right = (places[places.len() - 1] - places[middle]) as f64;
            let (low, high) = (places[middle - 1] as f64, places[middle] as f64);
            Some(if left + right == 0.0 { (low + high) / 2.0 } else { (low * right + high * left) / (left + right) })
        }
    }
}

/// Swaps neighbours for as long as that saves crossings, a few times over.
fn swap(layers: &mut Layers, place: &mut [usize]) {
    for _ in 0..4 {
        let mut is_better = false;
        for row in &mut layers.rows {
            for at in 1..row.len() {
                let (left, right) = (row[at - 1], row[at]);
                let mut gain = 0;
                for joined in [&layers.above, &layers.below] {
                    gain += crossed(&joined[left], &joined[right], place);
                    gain -= crossed(&joined[right], &joined[left], place);
                }
                if gain > 0 {
                    row.swap(at - 1, at);
                    place[left] = at;
                    place[right] = at - 1;
                    is_better = true;
                }
            }
        }
        if !is_better {
            break;
        }
    }
}

/// How many of `left`'s joins cross one of `right`'s, if it stands to the left.
fn crossed(left: &[usize], right: &[usize], place: &[usize]) -> i64 {
    if left.len() > SWAPPED_DEGREE_MAX || right.len() > SWAPPED_DEGREE_MAX {
        return 0;
    }
    left.iter().map(|&l| right.iter().filter(|&&r| place[l] > place[r]).count() as i64).sum()
}

/// All crossings: for each row, the inversions among its joins with the row below.
fn crossings(layers: &Layers, place: &[usize]) -> u64 {
    let mut total = 0;
    for (index, row) in layers.rows.iter().enumerate().take(layers.rows.len().saturating_sub(1)) {
        let size = layers.rows[index + 1].len();
        let mut tree = vec![0_u64; size + 1];
        let mut seen = 0;
        for &vertex in row {
            let mut ends: Vec<usize> = layers.below[vertex].iter().map(|&end| place[end]).collect();
            ends.sort_unstable();
            for &end in &ends {
                let mut at = end + 1;
                let mut up_to = 0;
                while at > 0 {
                    up_to += tree[at];
                    at &= at - 1;
                }
                total += seen - up_to;
            }
            for &end in &ends {
                let mut at = end + 1;
                while at <= size {
                    tree[at] += 1;
                    at += at & at.wrapping_neg();
                }
            }
            seen += ends.len() as u64;
        }
    }
    total
}
