//! Sorting and sets whose code is not repeated for every type that is sorted.

use std::cmp::Ordering;

/// The items in order; what compares as equal stays as it was.
pub fn sorted<T>(items: Vec<T>, compare: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let order = order_of(items.len(), &|one, other| match (items.get(one), items.get(other)) {
        (Some(one), Some(other)) => compare(one, other),
        _ => Ordering::Equal,
    });
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| items.get_mut(at)?.take()).collect()
}

fn order_of(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|one, other| compare(*one, *other));
    order
}

/// Each of these once, in order. A set would bring the code of its tree along for every type.
pub fn distinct<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items = sorted(items.into_iter().collect(), T::cmp);
    items.dedup();
    items
}

#[cfg(test)]
mod tests {
    use super::{distinct, sorted};

    #[test]
    fn equal_ones_keep_their_places() {
        let names = vec!["bb", "a", "cc", "d"];
        assert_eq!(sorted(names, |one, other| one.len().cmp(&other.len())), ["a", "d", "bb", "cc"]);
        assert!(sorted(Vec::<u8>::new(), Ord::cmp).is_empty());
        assert_eq!(distinct([2, 1, 2]), [1, 2]);
    }
}
