//! The catalogue's words, read back from stored documents: looked up, never made.

use serde::{Deserialize, Deserializer, Serializer};

use super::{CATALOGUE, Kpi, Need, Outcome, Parts, find};

/// The id of a KPI of the catalogue.
pub type KpiId = &'static str;

/// Writes a KPI as its id.
pub fn write_kpi<S: Serializer>(kpi: &&'static Kpi, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kpi.id)
}

/// Reads a KPI by its id.
pub fn read_kpi<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static Kpi, D::Error> {
    let id = String::deserialize(deserializer)?;
    find(&id).ok_or_else(|| unknown("KPI", &id))
}

/// Reads the id of a KPI.
pub fn read_kpi_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<KpiId, D::Error> {
    read_kpi(deserializer).map(|kpi| kpi.id)
}

/// Reads outcomes by part.
pub(super) fn parts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(&'static str, Outcome)>, D::Error> {
    let named = Vec::<(String, Outcome)>::deserialize(deserializer)?;
    named.into_iter().map(|(name, outcome)| Ok((part(&name).ok_or_else(|| unknown("part", &name))?, outcome))).collect()
}

fn part(name: &str) -> Option<&'static str> {
    let values = CATALOGUE.iter().flat_map(|kpi| match kpi.parts {
        Parts::Alternatives { values, .. } | Parts::Breakdown { values, .. } => values,
        Parts::Whole => &[],
    });
    values.copied().find(|value| *value == name)
}

impl From<Need> for String {
    fn from(need: Need) -> Self {
        need.stored()
    }
}

impl<'de> Deserialize<'de> for Need {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut needs = CATALOGUE.iter().flat_map(|kpi| kpi.needs).copied();
        needs.find(|need| Self::stored(*need) == text).ok_or_else(|| unknown("need", &text))
    }
}

impl Need {
    /// As it is stored.
    fn stored(self) -> String {
        format!("{self:?}")
    }
}

fn unknown<E: serde::de::Error>(kind: &str, word: &str) -> E {
    E::custom(format!("the catalogue has no {kind} \"{word}\""))
}
