//! Who is measured against whom, in one run: each in turn, again and again, so that what the machine does meanwhile meets all
//! of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Instant;

use anyhow::Context;
use lienthong_tests::measure::fsyncs;
use serde::Serialize;

/// What one run measured: figures by their names, which carry their units.
pub(crate) type Figures = BTreeMap<&'static str, f64>;

/// A run of a contender, under way.
pub(crate) type Run<'a> = Pin<Box<dyn Future<Output = anyhow::Result<Figures>> + 'a>>;

/// What people must know of a contender to judge a figure.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct About {
    /// Its name, as the table has it.
    pub(crate) name: String,
    /// What it consists of, with versions.
    pub(crate) version: String,
    /// When its data would survive a loss of power, or that there is none.
    pub(crate) durability: &'static str,
}

/// One that can be measured. A run fails unless it did all of its work: a figure of less is none.
pub(crate) trait Contender {
    /// Who it is.
    fn about(&self) -> About;
    /// Does the work once, on fresh data.
    fn run(&mut self) -> Run<'_>;
}

/// The runs of one contender.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Series {
    #[serde(flatten)]
    pub(crate) about: About,
    /// In the order of the pairs.
    pub(crate) runs: Vec<Figures>,
    /// Why there are none, or no more of them.
    pub(crate) missing: Option<String>,
}

impl Series {
    /// One figure of all runs.
    pub(crate) fn values(&self, figure: &str) -> Vec<f64> {
        self.runs.iter().filter_map(|run| run.get(figure).copied()).collect()
    }
}

enum Place {
    Taken(Box<dyn Contender>),
    Empty(String, String),
}

/// All contenders of a measure, the hub first.
pub(crate) struct Lineup {
    measure: &'static str,
    places: Vec<Place>,
    probe: Option<PathBuf>,
}

/// What a lineup measured: the contenders in their order, and what one fsync took meanwhile, seconds.
pub(crate) struct Measured {
    pub(crate) series: Vec<Series>,
    pub(crate) fsyncs: Vec<f64>,
}

impl Lineup {
    /// With the hub, or the part of it that is measured.
    pub(crate) fn new(measure: &'static str, ours: impl Contender + 'static) -> Self {
        Self { measure, places: vec![Place::Taken(Box::new(ours))], probe: None }
    }

    /// With one more, or the reason why it is not there.
    pub(crate) fn against<C: Contender + 'static>(mut self, name: &str, peer: anyhow::Result<C>) -> Self {
        self.places.push(match peer {
            Ok(peer) => Place::Taken(Box::new(peer)),
            Err(error) => Place::Empty(name.to_owned(), first_line(&error)),
        });
        self
    }

    /// What one fsync in this folder takes is looked at before each pair and after the last.
    pub(crate) fn with_fsyncs(mut self, folder: PathBuf) -> Self {
        self.probe = Some(folder);
        self
    }

    /// Runs all of them once a pair. A peer that fails is out of the race, with its reason; if ours fails, all of it has.
    pub(crate) async fn run(self, pairs: usize) -> anyhow::Result<Measured> {
        let Self { measure, mut places, probe } = self;
        let mut fsyncs_s = Vec::new();
        let mut look = || -> anyhow::Result<()> {
            fsyncs_s.extend(probe.as_deref().map(fsyncs).transpose()?.into_iter().flatten());
            Ok(())
        };
        let mut all: Vec<_> = places
            .iter()
            .map(|place| match place {
                Place::Taken(contender) => Series { about: contender.about(), runs: Vec::new(), missing: None },
                Place::Empty(name, why) => {
                    println!("{measure}: {name} is missing: {why}");
                    let about = About { name: name.clone(), version: String::new(), durability: "" };
                    Series { about, runs: Vec::new(), missing: Some(why.clone()) }
                }
            })
            .collect();
        for pair in 1..=pairs {
            look()?;
            for (nth, (place, series)) in places.iter_mut().zip(&mut all).enumerate() {
                let Place::Taken(contender) = place else { continue };
                if series.missing.is_some() {
                    continue;
                }
                let name = series.about.name.clone();
                let started = Instant::now();
                match contender.run().await {
                    Ok(figures) => {
                        println!("{measure} {pair}/{pairs} {name}: {} ({:.1} s)", words(&figures), started.elapsed().as_secs_f64());
                        series.runs.push(figures);
                    }
                    Err(error) if nth == 0 => return Err(error).context(name),
                    Err(error) => {
                        println!("{measure} {pair}/{pairs} {name} failed and is left out from here on: {error:#}");
                        series.missing = Some(first_line(&error));
                    }
                }
            }
        }
        look()?;
        Ok(Measured { series: all, fsyncs: fsyncs_s })
    }
}

fn first_line(error: &anyhow::Error) -> String {
    format!("{error:#}").lines().next().unwrap_or_default().to_owned()
}

fn words(figures: &Figures) -> String {
    let word = |(name, value): (&&str, &f64)| format!("{} {name}", crate::table::number(*value));
    figures.iter().map(word).collect::<Vec<_>>().join(", ")
}
