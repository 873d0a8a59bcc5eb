//! Places and bytes that many share, so that nobody takes all of them.
//!
//! Whoever asks for more may hold as much as stays free behind it. One alone gets half, two get a third each, and *n* get one
//! part in *n* + 1, so something is always left for whoever comes next; nobody's share is configured, and none lies idle for
//! somebody who never comes. These are the dynamic thresholds of Choudhury and Hahne (IEEE/ACM Transactions on Networking
//! 6(2), 1998), made for the memory of switches.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// So much of something, shared by those that a key names. Clones share it too.
#[derive(Debug)]
pub struct Pool<K>(Arc<Shared<K>>);

#[derive(Debug)]
struct Shared<K> {
    capacity: usize,
    held: Mutex<Held<K>>,
    given_back: Notify,
}

#[derive(Debug)]
struct Held<K> {
    all: usize,
    by: BTreeMap<K, usize>,
}

/// What one holder has of it, given back when this is dropped.
#[derive(Debug)]
pub struct Share<K: Ord> {
    pool: Pool<K>,
    holder: K,
    held: usize,
}

impl<K> Clone for Pool<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Ord> Pool<K> {
    /// All of it is free.
    pub fn new(capacity: usize) -> Self {
        let held = Mutex::new(Held { all: 0, by: BTreeMap::new() });
        Self(Arc::new(Shared { capacity, held, given_back: Notify::new() }))
    }

    /// A share of nothing yet.
    pub fn share(&self, holder: K) -> Share<K> {
        Share { pool: self.clone(), holder, held: 0 }
    }

    /// What nobody holds.
    pub fn free(&self) -> usize {
        self.0.capacity - self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, Held<K>> {
        // Plain numbers: a panic elsewhere leaves them usable.
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord + Clone> Pool<K> {
    /// So much for this holder, if it may have it at once.
    pub fn try_take(&self, holder: K, amount: usize) -> Option<Share<K>> {
        let mut share = self.share(holder);
        share.try_grow(amount).then_some(share)
    }

    /// So much for this holder; waits until it may have it.
    pub async fn take(&self, holder: K, amount: usize) -> Share<K> {
        let mut share = self.share(holder);
        share.grow(amount).await;
        share
    }
}

impl<K: Ord + Clone> Share<K> {
    /// Grows to hold `amount` if the holder may have so much at once. Whoever holds nothing may take whatever is free.
    pub fn try_grow(&mut self, amount: usize) -> bool {
        let more = amount.saturating_sub(self.held);
        if more == 0 {
            return true;
        }
        let mut held = self.pool.lock();
        let own = held.by.get(&self.holder).copied().unwrap_or(0);
        let Some(left) = (self.pool.0.capacity - held.all).checked_sub(more) else { return false };
        if own > 0 && own + more > left {
            return false;
        }
        held.all += more;
        held.by.insert(self.holder.clone(), own + more);
        drop(held);
        self.held += more;
        true
    }

    /// Grows to hold `amount`; waits until the holder may have so much. More than there is waits for ever.
    pub async fn grow(&mut self, amount: usize) {
        let pool = self.pool.clone();
        loop {
            let mut given_back = pin!(pool.0.given_back.notified());
            given_back.as_mut().enable();
            if self.try_grow(amount) {
                return;
            }
            given_back.await;
        }
    }
}

impl<K: Ord> Share<K> {
    /// Gives back all beyond `amount`.
    pub fn shrink(&mut self, amount: usize) {
        let less = self.held.saturating_sub(amount);
        if less == 0 {
            return;
        }
        let mut held = self.pool.lock();
        held.all -= less;
        if let Some(own) = held.by.get_mut(&self.holder) {
            *own -= less;
            if *own == 0 {
                held.by.remove(&self.holder);
            }
        }
        drop(held);
        self.held -= less;
        self.pool.0.given_back.notify_waiters();
    }
}

impl<K: Ord> Drop for Share<K> {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    /// How much a holder gets that takes one after the other until it may have no more.
    fn all_it_gets(pool: &Pool<u8>, holder: u8) -> Vec<Share<u8>> {
        std::iter::from_fn(|| pool.try_take(holder, 1)).collect()
    }

    #[test]
    fn one_alone_gets_half_and_each_that_comes_gets_its_part() {
        let pool = Pool::new(120);
        let mut shares: Vec<_> = [60, 30, 15, 7].map(|wanted| (wanted, all_it_gets(&pool, wanted as u8))).into();
        for (wanted, share) in &shares {
            assert_eq!(share.len(), *wanted);
        }
        assert_eq!(pool.free(), 8);
        // What the greedy first one gives back, it may not take again; the others may.
        shares[0].1.clear();
        assert_eq!(all_it_gets(&pool, 60).len(), 34);
        drop(shares);
        assert_eq!(pool.free(), 120);
    }

    #[test]
    fn whoever_holds_nothing_may_take_what_is_free() {
        let pool = Pool::new(10);
        let _first = pool.try_take(1, 8).unwrap();
        assert!(pool.try_take(1, 1).is_none());
        assert!(pool.try_take(2, 3).is_none());
        let second = pool.try_take(2, 2).unwrap();
        assert!(pool.try_take(3, 1).is_none());
        drop(second);
        assert!(pool.try_take(3, 1).is_some());
    }

    #[tokio::test]
    async fn whoever_waits_gets_it_once_enough_is_given_back() {
        let pool = Pool::new(8);
        let mut first = pool.try_take(1, 4).unwrap();
        let waiting = tokio::spawn({
            let pool = pool.clone();
            async move { pool.take(1, 3).await.held }
        });
        assert!(tokio::time::timeout(Duration::from_millis(20), pool.take(1, 1)).await.is_err());
        first.shrink(1);
        assert_eq!(waiting.await.unwrap(), 3);
    }

    proptest! {
        /// Whatever is taken and given back, nothing is counted twice or lost, and nobody who has some takes the rest.
        #[test]
        fn it_always_adds_up(steps in proptest::collection::vec((0_u8..5, 0_usize..40, any::<bool>()), 1..200)) {
            let pool = Pool::new(100);
            let mut shares: Vec<_> = (0..5).map(|holder| pool.share(holder)).collect();
            for (holder, amount, grow) in steps {
                let (before, free) = (shares[holder as usize].held, pool.free());
                let share = &mut shares[holder as usize];
                if grow {
                    let grown = share.try_grow(amount);
                    prop_assert_eq!(share.held, if grown { before.max(amount) } else { before });
                    prop_assert!(!grown || amount <= before || before == 0 || amount <= free - (amount - before));
                } else {
                    share.shrink(amount);
                    prop_assert_eq!(share.held, before.min(amount));
                }
                prop_assert_eq!(pool.free(), 100 - shares.iter().map(|share| share.held).sum::<usize>());
            }
            drop(shares);
            prop_assert_eq!(pool.free(), 100);
        }
    }
}
