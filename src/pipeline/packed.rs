//! Teams as they are kept and published: packed, which takes a tenth of the memory, beside what is asked of all of them at once.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::snapshot::{KpiSnapshot, TeamSnapshot};
use crate::facts::Moment;
use crate::report::review::{HEADLINE, Side};

/// Every KPI of one team, packed. Clones share what is packed.
#[derive(Clone, Serialize, Deserialize)]
pub struct PackedTeam {
    /// The slug.
    pub id: String,
    /// The name shown to people.
    pub name: String,
    /// The moment as of which all of it holds: that of its evaluation, or a later one up to which nothing has changed it.
    pub as_of: Moment,
    /// Ids of the services that it has deployed.
    pub services: Vec<String>,
    /// Speed beside stability: the KPIs by which all teams are shown together.
    pub headline: Vec<KpiSnapshot>,
    /// When the last of its successful deployments finished.
    pub last_deployment_at: Option<Moment>,
    /// When the last of its incidents began.
    pub last_incident_at: Option<Moment>,
    /// The length of what stands above, packed, then that, then all of the team.
    #[serde(skip)]
    body: Arc<[u8]>,
}

/// So many bytes say how long the first part is.
const LENGTH: usize = 4;

/// Why something cannot be packed or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// It cannot be written.
    #[error(transparent)]
    Written(#[from] rmp_serde::encode::Error),
    /// It is not what it should be.
    #[error(transparent)]
    Read(#[from] rmp_serde::decode::Error),
    /// It cannot be compressed or unpacked.
    #[error(transparent)]
    Compression(#[from] std::io::Error),
    /// It is shorter than it says.
    #[error("it is cut off")]
    CutOff,
}

impl PackedTeam {
    /// Packs what was evaluated.
    ///
    /// # Panics
    /// Never: a tree of texts and numbers can be written.
    #[expect(clippy::expect_used, reason = "a tree of texts and numbers can be written")]
    pub fn of(team: &TeamSnapshot) -> Self {
        let is_shown = |id: &str| HEADLINE.iter().any(|(known, side)| *known == id && *side != Side::Beside);
        let mut packed = Self {
            id: team.id.clone(),
            name: team.name.clone(),
            as_of: team.as_of,
            services: team.services.clone(),
            headline: team.kpis.iter().filter(|measured| is_shown(measured.kpi.id)).cloned().collect(),
            last_deployment_at: team.last_deployment_at,
            last_incident_at: team.last_incident_at,
            body: Arc::default(),
        };
        let (first, all) = (pack(&packed).expect("a tree"), pack(team).expect("a tree"));
        let length = u32::try_from(first.len()).expect("some kilobytes").to_le_bytes();
        packed.body = [length.as_slice(), &first, &all].concat().into();
        packed
    }

    /// What was packed before. Whether all of the team can be unpacked is not looked at yet.
    ///
    /// # Errors
    /// It was packed by another version, or is damaged.
    pub fn read(body: &[u8]) -> Result<Self, PackError> {
        let (first, _) = parts(body)?;
        Ok(Self { body: body.into(), ..unpack(first)? })
    }

    /// Unpacks it, which takes about a millisecond.
    ///
    /// # Errors
    /// It was packed by another version, or is damaged.
    pub fn open(&self) -> Result<TeamSnapshot, PackError> {
        let (_, all) = parts(&self.body)?;
        let team: TeamSnapshot = unpack(all)?;
        Ok(if team.as_of == self.as_of { team } else { team.holding_at(self.as_of) })
    }

    /// The same at a later moment, up to which nothing has changed it.
    #[must_use]
    pub fn holding_at(&self, as_of: Moment) -> Self {
        Self { as_of, ..self.clone() }
    }

    /// What is packed, as of its evaluation.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether both were evaluated together: they differ in the moment up to which they hold at most.
    pub fn is_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.body, &other.body)
    }
}

impl std::fmt::Debug for PackedTeam {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.open().fmt(formatter)
    }
}

/// The two parts of a body.
fn parts(body: &[u8]) -> Result<(&[u8], &[u8]), PackError> {
    let (length, rest) = body.split_first_chunk::<LENGTH>().ok_or(PackError::CutOff)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| PackError::CutOff)?;
    rest.split_at_checked(length).ok_or(PackError::CutOff)
}

/// Packs a document. The fields have their names, so that what another version has written is not taken for something else.
pub(super) fn pack(document: &impl Serialize) -> Result<Vec<u8>, PackError> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&rmp_serde::to_vec_named(document)?)?;
    Ok(encoder.finish()?)
}

/// Unpacks a document.
pub(super) fn unpack<Document: DeserializeOwned>(body: &[u8]) -> Result<Document, PackError> {
    let mut bytes = Vec::new();
    ZlibDecoder::new(body).read_to_end(&mut bytes)?;
    Ok(rmp_serde::from_slice(&bytes)?)
}

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::*;
    use crate::report::Timeline;

    fn team() -> TeamSnapshot {
        let as_of: Moment = "2026-11-18T12:00:00Z".parse().unwrap();
        TeamSnapshot {
            id: "search".to_owned(),
            name: "Search".to_owned(),
            as_of,
            services: vec!["index".to_owned()],
            kpis: Vec::new(),
            timeline: Timeline { from: as_of, until: as_of, deployments: Vec::new(), incidents: Vec::new() },
            scorecards: Vec::new(),
            last_deployment_at: Some(as_of - Duration::hours(3)),
            last_incident_at: None,
        }
    }

    #[test]
    fn what_is_read_is_what_was_packed_and_may_hold_for_longer() {
        let (team, packed) = (team(), PackedTeam::of(&team()));
        let read = PackedTeam::read(packed.body()).unwrap();
        assert_eq!((read.id.as_str(), read.last_deployment_at), ("search", team.last_deployment_at));
        assert_eq!(format!("{:?}", read.open().unwrap()), format!("{team:?}"));
        let later = team.as_of + Duration::hours(1);
        let held = read.holding_at(later);
        assert!(held.is_of(&read) && !held.is_of(&packed));
        assert_eq!(held.open().unwrap().as_of, later);
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        let packed = PackedTeam::of(&team());
        for length in 0..packed.body().len() {
            let cut = &packed.body()[..length];
            assert!(PackedTeam::read(cut).and_then(|team| team.open()).is_err(), "the first {length} bytes");
        }
    }
}
