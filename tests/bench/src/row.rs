//! One row of the table: a figure of ours, the same of each peer, and what was to be reached.

use serde::Serialize;

use crate::lineup::Series;

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    /// A rate.
    More,
    /// A time or a size.
    Less,
}

/// Median and range of some values.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// None of no values.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) { f64::midpoint(values[middle - 1], values[middle]) } else { values[middle] };
        Some(Self { median, least, most })
    }
}

/// A figure and what it is held against.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) measure: &'static str,
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    pub(crate) name: String,
    pub(crate) values: Vec<f64>,
    pub(crate) spread: Option<Spread>,
    /// What the figure itself is to reach.
    pub(crate) target: Option<f64>,
    pub(crate) reached: Option<bool>,
    pub(crate) against: Vec<Against>,
}

/// One peer in a row.
#[derive(Debug, Serialize)]
pub(crate) struct Against {
    pub(crate) name: String,
    pub(crate) values: Vec<f64>,
    pub(crate) spread: Option<Spread>,
    /// Ours by the peer's, pair by pair.
    pub(crate) ratio: Option<Spread>,
    /// What the ratio's median is to reach.
    pub(crate) target: Option<f64>,
    pub(crate) reached: Option<bool>,
    pub(crate) missing: Option<String>,
}

impl Row {
    /// A figure of ours, which peers are added to.
    pub(crate) fn new(measure: &'static str, what: &str, (figure, unit): (&str, &'static str), better: Better, ours: &Series) -> Self {
        let values = ours.values(figure);
        let (what, name, spread) = (what.to_owned(), ours.about.name.clone(), Spread::of(&values));
        Self { measure, what, unit, better, name, values, spread, target: None, reached: None, against: Vec::new() }
    }

    /// The figure itself is to reach this.
    pub(crate) fn reaching(mut self, target: f64) -> Self {
        self.target = Some(target);
        self.reached = self.spread.map(|spread| self.better.reaches(spread.median, target));
        self
    }

    /// Held against the same figure of a peer; `target` is for the ratio.
    pub(crate) fn against(mut self, figure: &str, peer: &Series, target: Option<f64>) -> Self {
        let values = peer.values(figure);
        let ratios: Vec<_> = self.values.iter().zip(&values).map(|(ours, theirs)| ours / theirs).collect();
        let ratio = Spread::of(&ratios);
        let reached = ratio.zip(target).map(|(ratio, target)| self.better.reaches(ratio.median, target));
        let (name, spread, missing) = (peer.about.name.clone(), Spread::of(&values), peer.missing.clone());
        self.against.push(Against { name, values, spread, ratio, target, reached, missing });
        self
    }
}

impl Better {
    fn reaches(self, value: f64, target: f64) -> bool {
        match self {
            Self::More => value >= target,
            Self::Less => value <= target,
        }
    }

    /// How a target is written.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::More => "≥",
            Self::Less => "≤",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::lineup::About;

    fn series(values: &[f64]) -> Series {
        let about = About { name: "one".into(), version: String::new(), durability: "" };
        Series { about, runs: values.iter().map(|value| BTreeMap::from([("f", *value)])).collect(), missing: None }
    }

    #[test]
    fn ratios_are_taken_pair_by_pair() {
        let (ours, peer) = (series(&[10.0, 40.0, 30.0]), series(&[10.0, 20.0, 10.0]));
        let row = Row::new("M", "", ("f", ""), Better::More, &ours).against("f", &peer, Some(2.0)).against("f", &peer, Some(2.1));
        let ratio = row.against[0].ratio.unwrap();
        assert_eq!((ratio.median, ratio.least, ratio.most), (2.0, 1.0, 3.0));
        assert_eq!((row.against[0].reached, row.against[1].reached), (Some(true), Some(false)));
    }

    #[test]
    fn what_was_not_measured_reaches_nothing() {
        let row = Row::new("M", "", ("g", ""), Better::Less, &series(&[1.0])).reaching(5.0).against("f", &series(&[]), Some(1.0));
        assert_eq!((row.reached, row.against[0].reached), (None, None));
    }

    #[test]
    fn less_is_better_where_it_is() {
        let row = |target| Row::new("M", "", ("f", ""), Better::Less, &series(&[4.0, 6.0])).reaching(target).reached;
        assert_eq!((row(5.0), row(4.9)), (Some(true), Some(false)));
    }
}
