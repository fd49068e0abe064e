//! A map of few: a sorted list, shared until it is changed. Where entries are counted in hundreds it is smaller, in memory and in the
//! browser's bundle, than a tree.

use std::sync::Arc;

/// A map of a few entries. Cloning shares it; changing one that is shared copies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SmallMap<K, V>(Arc<Vec<(K, V)>>);

impl<K, V> Default for SmallMap<K, V> {
    fn default() -> Self {
        SmallMap(Arc::default())
    }
}

impl<K: Ord + Copy, V: Clone> SmallMap<K, V> {
    fn at(&self, key: K) -> Result<usize, usize> {
        self.0.binary_search_by_key(&key, |(key, _)| *key)
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: K) -> Option<&V> {
        self.at(key).ok().and_then(|at| self.0.get(at)).map(|(_, value)| value)
    }

    /// The value of a key, made where there is none.
    pub(crate) fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        let at = self.at(key);
        let list = Arc::make_mut(&mut self.0);
        let at = at.unwrap_or_else(|free| {
            list.insert(free, (key, V::default()));
            free
        });
        &mut list[at].1
    }

    /// Puts a value in; the one before it.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let at = self.at(key);
        let list = Arc::make_mut(&mut self.0);
        match at {
            Ok(at) => Some(std::mem::replace(&mut list[at].1, value)),
            Err(free) => {
                list.insert(free, (key, value));
                None
            }
        }
    }

    /// Takes a value out.
    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        let at = self.at(key).ok()?;
        Some(Arc::make_mut(&mut self.0).remove(at).1)
    }

    /// Every entry, by key.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (K, &V)> {
        self.0.iter().map(|(key, value)| (*key, value))
    }

    /// Every entry with its key in place, by key.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::SmallMap;

    #[test]
    fn it_is_sorted_shared_and_copied_when_it_is_changed() {
        let mut map: SmallMap<u32, u32> = SmallMap::default();
        for key in [3, 1, 2] {
            assert_eq!(map.insert(key, key * 10), None);
        }
        let before = map.clone();
        *map.entry(2) += 1;
        *map.entry(4) += 1;
        assert_eq!((map.insert(1, 7), map.remove(3), map.remove(9)), (Some(10), Some(30), None));
        assert_eq!(map.iter().map(|(key, value)| (key, *value)).collect::<Vec<_>>(), [(1, 7), (2, 21), (4, 1)]);
        assert_eq!((before.get(2), before.get(4), before.len()), (Some(&20), None, 3));
    }
}
