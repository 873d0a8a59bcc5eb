//! How much a failing plugin is given at once. A page that fails again and again is halved until the one item that breaks the
//! plugin stands alone; then that one is set aside, and the rest goes on.

use crate::pipeline::fault::FaultKind;

/// A full page is tried so often before it is halved.
const TRIES: u32 = 3;

/// Where so many items in a row break the plugin, it is the plugin that is broken: nothing more is set aside until one item goes well.
const IN_A_ROW: u32 = 16;

/// What one reader gives its plugin.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    full: usize,
    width: usize,
    tries: u32,
    set_aside: u32,
}

/// What to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The same again, after a pause.
    Again,
    /// Less, at once.
    Less,
    /// Set the only item aside.
    SetAside,
}

impl Pace {
    /// Full pages at first.
    pub(super) fn new(full: usize) -> Self {
        Self { full, width: full, tries: 0, set_aside: 0 }
    }

    /// Items of the next page at most.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// A page went well.
    pub(super) fn well(&mut self) {
        self.set_aside = 0;
        if self.width < self.full {
            self.width = (self.width * 2).min(self.full);
        } else {
            self.tries = 0;
        }
    }

    /// A page of so many items failed for this reason.
    pub(super) fn failed(&mut self, kind: FaultKind, items: usize) -> Remedy {
        // The hub's own troubles are nobody's fault, and pass.
        if matches!(kind, FaultKind::Hub | FaultKind::Held | FaultKind::Spent) {
            return Remedy::Again;
        }
        self.tries += 1;
        if self.tries < TRIES {
            return Remedy::Again;
        }
        // What took too long may have met a busy machine: each page is given all its tries. Others fail the same way each time.
        self.tries = if kind == FaultKind::Time { 0 } else { TRIES - 1 };
        if items > 1 {
            self.width = items / 2;
            return Remedy::Less;
        }
        if self.set_aside >= IN_A_ROW {
            return Remedy::Again;
        }
        self.set_aside += 1;
        Remedy::SetAside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a page of items through a plugin that breaks on some of them; answers how many pages it took, and what was set aside.
    fn play(items: usize, breaks: impl Fn(usize) -> bool, most: usize) -> (usize, Vec<usize>, usize) {
        let (mut pace, mut next, mut aside) = (Pace::new(items), 0, Vec::new());
        for pages in 0..most {
            if next == items {
                return (pages, aside, next);
            }
            let page = next..(next + pace.width()).min(items);
            if !page.clone().any(&breaks) {
                pace.well();
                next = page.end;
                continue;
            }
            match pace.failed(FaultKind::Plugin, page.len()) {
                Remedy::Again | Remedy::Less => {}
                Remedy::SetAside => {
                    aside.push(page.start);
                    next = page.end;
                }
            }
        }
        (most, aside, next)
    }

    #[test]
    fn the_items_that_break_a_plugin_are_found_and_all_others_go_on() {
        let (pages, aside, _) = play(2_000, |n| n == 0 || n == 777 || n == 1_999, 200);
        assert_eq!(aside, [0, 777, 1_999]);
        assert!(pages < 80, "{pages} pages");
        assert_eq!(play(1, |_| false, 10).1, [0usize; 0]);
    }

    #[test]
    fn a_plugin_that_breaks_on_everything_does_not_empty_the_channel_into_quarantine() {
        let (_, aside, next) = play(100, |_| true, 10_000);
        assert_eq!((aside.len(), next), (IN_A_ROW as usize, IN_A_ROW as usize));
    }

    #[test]
    fn the_hubs_own_troubles_are_never_held_against_an_item() {
        let mut pace = Pace::new(8);
        assert!((0..100).all(|_| pace.failed(FaultKind::Hub, 1) == Remedy::Again));
        assert_eq!(pace.width(), 8);
    }

    #[test]
    fn what_takes_too_long_gets_all_its_tries_each_time() {
        let mut pace = Pace::new(2);
        let remedies: Vec<_> = (0..6).map(|n| pace.failed(FaultKind::Time, if n < 3 { 2 } else { 1 })).collect();
        use Remedy::{Again, Less, SetAside};
        assert_eq!(remedies, [Again, Again, Less, Again, Again, SetAside]);
    }
}
