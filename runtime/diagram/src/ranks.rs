//! Which layer a vertex is in. States are in the even layers; the odd ones between them are for labels.

/// An edge to be laid out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Width and height of the label; nothing for none.
    pub(crate) label: Option<(f64, f64)>,
    /// Whether it is drawn in the style of a Catch: it joins only with others of that style.
    pub(crate) is_catch: bool,
}

/// The layers of all vertices.
pub(crate) struct Ranks {
    /// By vertex.
    pub(crate) of: Vec<usize>,
    /// By link: whether it leads back up, or to where it comes from.
    pub(crate) is_back: Vec<bool>,
}

/// Ranks `count` vertices. The first that is entered is vertex 0; one that is `last` goes below all others.
pub(crate) fn rank(count: usize, links: &[Link], last: Option<usize>) -> Ranks {
    let mut leaving: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (index, link) in links.iter().enumerate() {
        leaving[link.from].push(index);
    }
    let (is_back, finished) = depth_first(&leaving, links);
    let mut of = vec![0; count];
    let forward = |index: &&usize| !is_back[**index];
    for &vertex in finished.iter().rev() {
        for &link in leaving[vertex].iter().filter(forward) {
            let to = links[link].to;
            of[to] = of[to].max(of[vertex] + 2);
        }
    }
    // What nothing leads to goes close to what it leads to.
    let mut is_entered = vec![false; count];
    links.iter().zip(&is_back).filter(|(_, back)| !**back).for_each(|(link, _)| is_entered[link.to] = true);
    for &vertex in &finished {
        let nearest = leaving[vertex].iter().filter(forward).map(|&link| of[links[link].to]).min();
        if let Some(nearest) = nearest.filter(|_| !is_entered[vertex] && vertex != 0) {
            of[vertex] = nearest - 2;
        }
    }
    if let Some(last) = last {
        let others = of.iter().enumerate().filter(|(vertex, _)| *vertex != last).map(|(_, rank)| rank + 2).max();
        let lowest_before = links.iter().filter(|link| link.to == last).map(|link| of[link.from] + 2).max();
        of[last] = others.max(lowest_before).unwrap_or(0);
    }
    Ranks { of, is_back }
}

/// Which links lead back to a vertex on the way to them; and the vertices in the order in which they were left.
fn depth_first(leaving: &[Vec<usize>], links: &[Link]) -> (Vec<bool>, Vec<usize>) {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; leaving.len()];
    let mut is_back = vec![false; links.len()];
    let mut finished = Vec::with_capacity(leaving.len());
    for root in 0..leaving.len() {
        if marks[root] != Mark::New {
            continue;
        }
        marks[root] = Mark::Open;
        let mut way = vec![(root, 0)];
        while let Some((vertex, next)) = way.last_mut() {
            let vertex = *vertex;
            let Some(&link) = leaving[vertex].get(*next) else {
                marks[vertex] = Mark::Done;
                finished.push(vertex);
                way.pop();
                continue;
            };
            *next += 1;
            let to = links[link].to;
            match marks[to] {
                Mark::New => {
                    marks[to] = Mark::Open;
                    way.push((to, 0));
                }
                Mark::Open => is_back[link] = true,
                Mark::Done => {}
            }
        }
    }
    (is_back, finished)
}
