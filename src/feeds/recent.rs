//! A bounded table that forgets the eldest.
//!
//! Enters: keys with small values. Leaves: the value, as long as it is remembered. Never: grows.
//!
//! Two generations: when the younger is full it becomes the elder, and the elder is forgotten.
//! What was put in within the last `each_max` entries is always there.

use std::hash::Hash;

use hashbrown::HashMap;

/// See the module.
pub struct Recent<K, V> {
    young: HashMap<K, V, ahash::RandomState>,
    old: HashMap<K, V, ahash::RandomState>,
    each_max: usize,
}

impl<K: Hash + Eq, V> Recent<K, V> {
    /// Holds between `each_max` and twice as many entries.
    pub fn new(each_max: usize) -> Self {
        Self {
            young: HashMap::default(),
            old: HashMap::default(),
            each_max,
        }
    }

    /// Puts a value in; the elder half may be forgotten by it.
    pub fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.each_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    /// The value, if it is remembered.
    pub fn peek(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// Takes the value out.
    pub fn take(&mut self, key: &K) -> Option<V> {
        self.young.remove(key).or_else(|| self.old.remove(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eldest_go_and_the_youngest_stay() {
        let mut table = Recent::new(100);
        for n in 0..1000 {
            table.put(n, n);
        }
        assert!((900..1000).all(|n| table.peek(&n) == Some(&n)));
        assert!((0..800).all(|n| table.peek(&n).is_none()));
        assert_eq!(table.take(&999), Some(999));
        assert!(table.peek(&999).is_none());
    }
}
