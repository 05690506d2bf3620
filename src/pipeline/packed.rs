//! Teams as they are kept and published: packed, which takes a tenth of the memory, beside what is asked of all of them at once.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::snapshot::{KpiSnapshot, TeamSnapshot};
use crate::facts::Moment;
use crate::report::review::{HEADLINE, Side};

/// Every KPI of one team, packed. Clones share what is packed.
#[derive(Clone)]
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
    body: Arc<[u8]>,
}

/// Why something cannot be packed or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// It is not what it should be.
    #[error(transparent)]
    Document(#[from] serde_json::Error),
    /// It cannot be compressed or unpacked.
    #[error(transparent)]
    Compression(#[from] std::io::Error),
}

impl PackedTeam {
    /// Packs what was evaluated.
    #[expect(clippy::expect_used, reason = "a property test shows that all numbers are finite")]
    pub fn of(team: &TeamSnapshot) -> Self {
        pack(team).and_then(Self::read).expect("a tree of texts and finite numbers")
    }

    /// What was packed before.
    ///
    /// # Errors
    /// It was packed by another version, or is damaged.
    pub fn read(body: Vec<u8>) -> Result<Self, PackError> {
        let TeamSnapshot { id, name, as_of, services, mut kpis, last_deployment_at, last_incident_at, .. } =
            unpack(&body)?;
        kpis.retain(|measured| HEADLINE.iter().any(|(id, side)| measured.kpi.id == *id && *side != Side::Beside));
        kpis.shrink_to_fit();
        Ok(Self { id, name, as_of, services, headline: kpis, last_deployment_at, last_incident_at, body: body.into() })
    }

    /// Unpacks it, which takes about a millisecond.
    #[expect(clippy::expect_used, reason = "it was unpacked when it was made")]
    pub fn open(&self) -> TeamSnapshot {
        let team: TeamSnapshot = unpack(&self.body).expect("what was unpacked before");
        if team.as_of == self.as_of { team } else { team.holding_at(self.as_of) }
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

/// Packs a document.
pub(super) fn pack(document: &impl Serialize) -> Result<Vec<u8>, PackError> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&serde_json::to_vec(document)?)?;
    Ok(encoder.finish()?)
}

/// Unpacks a document.
pub(super) fn unpack<Document: DeserializeOwned>(body: &[u8]) -> Result<Document, PackError> {
    let mut text = Vec::new();
    ZlibDecoder::new(body).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}
