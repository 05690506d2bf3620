//! `/metrics` as it is kept in memory, rendered once per evaluation.
//!
//! The text of each family is rendered, compressed and checksummed in pieces of a few teams. A new snapshot renders the pieces
//! of the teams that have changed; the others are copied. So the metrics of a thousand teams follow a change of one within
//! milliseconds, and rendering never holds more than the samples of a few teams at once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use prometheus::proto::MetricFamily;
use prometheus::{Encoder as _, TextEncoder};

use super::prometheus::{Families, families_of_organisation};
use crate::pipeline::{Snapshot, cores};

/// So many teams are rendered together.
const TEAMS_OF_A_PIECE: usize = 4;

/// So many trends are rendered together.
const TRENDS_OF_A_PIECE: usize = 200;

/// Each family's text begins with what it is.
const HEADER_LINES: usize = 2;

/// A rendered exposition, compressed: that is a tenth of the text, and what Prometheus asks for.
#[derive(Debug, Clone, Default)]
pub struct Exposition {
    /// The text, once somebody has asked for it.
    plain: OnceLock<Bytes>,
    /// The text, deflated up to a byte boundary and not ended, so that more can follow in the same stream.
    deflated: Bytes,
    /// The checksum and the length of the text.
    total: Extent,
    families: BTreeMap<String, BTreeMap<Place, Span>>,
}

/// What a piece of a family's text is of, in the order of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// The lines that say what the family is.
    Header,
    /// What belongs to no team.
    Organisation,
    /// The teams from a multiple of [`TEAMS_OF_A_PIECE`] on.
    Teams(usize),
    /// The trends from a multiple of [`TRENDS_OF_A_PIECE`] on.
    Trends(usize),
}

/// Checksum and length of a text; those of texts that follow one another combine.
#[derive(Debug, Clone, Default)]
struct Extent {
    checksum: crc32fast::Hasher,
    length: usize,
}

/// Where a piece is.
#[derive(Debug, Clone)]
struct Span {
    deflated: Range<usize>,
    extent: Extent,
}

/// A piece that was just rendered.
struct Piece {
    deflated: Vec<u8>,
    extent: Extent,
}

/// What was rendered of a family in one place.
struct Rendered {
    name: String,
    /// The lines that say what the family is: the same in every place.
    header: Vec<u8>,
    samples: Piece,
}

/// Makes pieces. An encoder takes longer to be made than to compress the samples of a few teams, so it is kept.
struct Pieces(DeflateEncoder<Vec<u8>>);

impl Exposition {
    /// All metrics of a snapshot.
    ///
    /// # Errors
    /// A family is not valid.
    pub fn of(snapshot: &Snapshot) -> Result<Self, prometheus::Error> {
        let places = places(snapshot);
        Self::default().with(render(snapshot, &places)?, &places, &mut Pieces::default())
    }

    /// The metrics of another snapshot, where this is of the one before: only what differs is rendered.
    ///
    /// # Errors
    /// A family is not valid.
    pub fn updated(&self, before: &Snapshot, now: &Snapshot) -> Result<Self, prometheus::Error> {
        let slugs = |snapshot: &Snapshot| snapshot.teams.iter().map(|team| team.id.clone()).collect::<Vec<_>>();
        if slugs(before) != slugs(now) {
            return Self::of(now);
        }
        let changed = |place: &Place| match *place {
            Place::Header | Place::Organisation => true,
            Place::Teams(first) => {
                let pairs = before.teams.iter().zip(&now.teams).skip(first).take(TEAMS_OF_A_PIECE);
                pairs.into_iter().any(|(one, other)| !Arc::ptr_eq(one, other))
            }
            Place::Trends(_) => !Arc::ptr_eq(&before.trends, &now.trends),
        };
        let mut places = places(now);
        places.retain(changed);
        let rendered = render(now, &places)?;
        if places.iter().any(|place| matches!(place, Place::Trends(_))) {
            // There may have been more of them.
            places.extend(self.families.values().flat_map(BTreeMap::keys).filter(|it| matches!(it, Place::Trends(_))));
        }
        self.with(rendered, &places, &mut Pieces::default())
    }

    /// Families that belong together and change at every scrape.
    ///
    /// # Errors
    /// A family is not valid.
    pub fn live(families: &[MetricFamily]) -> Result<Self, prometheus::Error> {
        let place = Place::Organisation;
        let mut pieces = Pieces::default();
        let rendered = pieces.of_families(families)?;
        Self::default().with([(place, rendered)].into(), &BTreeSet::from([place]), &mut pieces)
    }

    /// One gzip stream of several texts, none of which is compressed or copied again: its pieces, in order.
    pub fn gzip(parts: &[&Self]) -> Vec<Bytes> {
        const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
        const EMPTY_LAST_BLOCK: [u8; 2] = [3, 0];
        let mut pieces = vec![Bytes::from_static(&HEADER)];
        let mut total = Extent::default();
        for part in parts {
            pieces.push(part.deflated.clone());
            total.add(&part.total);
        }
        // The length modulo 2³², as gzip has it.
        #[expect(clippy::cast_possible_truncation, reason = "gzip wants the low bits")]
        let length = total.length as u32;
        let end =
            [EMPTY_LAST_BLOCK.as_slice(), &total.checksum.finalize().to_le_bytes(), &length.to_le_bytes()].concat();
        pieces.push(end.into());
        pieces
    }

    /// The text. It is unpacked for whoever asks first, and kept from then on.
    pub fn plain(&self) -> Bytes {
        let unpack = || {
            let mut text = Vec::with_capacity(self.total.length);
            // The stream is not ended, which its reader finds only after the whole text.
            let _ = DeflateDecoder::new(self.deflated.as_ref()).read_to_end(&mut text);
            text.into()
        };
        self.plain.get_or_init(unpack).clone()
    }

    /// The same with what was rendered in the places that it replaces.
    fn with(
        &self,
        rendered: BTreeMap<Place, Vec<Rendered>>,
        replaced: &BTreeSet<Place>,
        pieces: &mut Pieces,
    ) -> Result<Self, prometheus::Error> {
        let mut fresh: BTreeMap<String, BTreeMap<Place, Piece>> = BTreeMap::new();
        for (place, families) in rendered {
            for Rendered { name, header, samples } in families {
                let is_known = self.families.contains_key(&name);
                let family = fresh.entry(name).or_default();
                if !is_known && family.is_empty() {
                    family.insert(Place::Header, pieces.of(&header)?);
                }
                family.insert(place, samples);
            }
        }
        let mut made = Assembling::new(self);
        let names: BTreeSet<&String> = self.families.keys().chain(fresh.keys()).collect();
        let none = BTreeMap::new();
        for name in names {
            let kept = self.families.get(name).into_iter().flatten().filter(|(place, _)| !replaced.contains(place));
            let kept: BTreeMap<Place, &Span> = kept.map(|(place, span)| (*place, span)).collect();
            let new = fresh.get(name).unwrap_or(&none);
            let places: BTreeSet<Place> = kept.keys().chain(new.keys()).copied().collect();
            if places.iter().all(|place| *place == Place::Header) {
                continue;
            }
            let spans = places.into_iter().filter_map(|place| {
                let span = match (new.get(&place), kept.get(&place)) {
                    (Some(piece), _) => made.push(&piece.deflated, &piece.extent),
                    (None, Some(span)) => made.copy(span),
                    (None, None) => return None,
                };
                Some((place, span))
            });
            let spans = spans.collect();
            made.families.insert(name.clone(), spans);
        }
        Ok(made.finished())
    }
}

/// An exposition while it is put together.
struct Assembling<'a> {
    before: &'a Exposition,
    deflated: Vec<u8>,
    total: Extent,
    families: BTreeMap<String, BTreeMap<Place, Span>>,
}

impl<'a> Assembling<'a> {
    fn new(before: &'a Exposition) -> Self {
        Self {
            before,
            deflated: Vec::with_capacity(before.deflated.len()),
            total: Extent::default(),
            families: BTreeMap::new(),
        }
    }

    fn copy(&mut self, span: &Span) -> Span {
        self.push(&self.before.deflated[span.deflated.clone()], &span.extent)
    }

    fn push(&mut self, deflated: &[u8], extent: &Extent) -> Span {
        self.total.add(extent);
        let from = self.deflated.len();
        self.deflated.extend_from_slice(deflated);
        Span { deflated: from..self.deflated.len(), extent: extent.clone() }
    }

    fn finished(self) -> Exposition {
        Exposition {
            plain: OnceLock::new(),
            // Without what it has grown ahead.
            deflated: self.deflated.into_boxed_slice().into(),
            total: self.total,
            families: self.families,
        }
    }
}

impl Extent {
    fn add(&mut self, following: &Self) {
        self.checksum.combine(&following.checksum);
        self.length = self.length.wrapping_add(following.length);
    }
}

fn places(snapshot: &Snapshot) -> BTreeSet<Place> {
    let teams = (0..snapshot.teams.len()).step_by(TEAMS_OF_A_PIECE).map(Place::Teams);
    let trends = (0..snapshot.trends.len()).step_by(TRENDS_OF_A_PIECE).map(Place::Trends);
    [Place::Organisation].into_iter().chain(teams).chain(trends).collect()
}

/// Renders places, on all cores.
fn render(snapshot: &Snapshot, places: &BTreeSet<Place>) -> Result<BTreeMap<Place, Vec<Rendered>>, prometheus::Error> {
    let places: Vec<Place> = places.iter().copied().collect();
    let share = places.len().div_ceil(cores()).max(1);
    let rendered = |places: &[Place]| {
        let mut pieces = Pieces::default();
        let each = places.iter().map(|place| {
            let families = families_of(snapshot, *place)?.finished();
            Ok((*place, pieces.of_families(&families)?))
        });
        each.collect::<Result<Vec<_>, prometheus::Error>>()
    };
    std::thread::scope(|scope| {
        let mut shares = places.chunks(share);
        let own = shares.next().unwrap_or_default();
        let others: Vec<_> = shares.map(|places| scope.spawn(move || rendered(places))).collect();
        let mut all: BTreeMap<Place, Vec<Rendered>> = rendered(own)?.into_iter().collect();
        for other in others {
            let done = other.join().map_err(|_| prometheus::Error::Msg("the rendering was interrupted".to_owned()))?;
            all.extend(done?);
        }
        Ok(all)
    })
}

/// All metrics of a snapshot, of a few teams at a time.
pub fn families(snapshot: &Snapshot) -> impl Iterator<Item = Result<Families, prometheus::Error>> {
    places(snapshot).into_iter().map(|place| families_of(snapshot, place))
}

fn families_of(snapshot: &Snapshot, place: Place) -> Result<Families, prometheus::Error> {
    let mut families = Families::default();
    match place {
        Place::Header => {}
        Place::Organisation => families = families_of_organisation(snapshot),
        Place::Teams(first) => {
            let last = (first + TEAMS_OF_A_PIECE).min(snapshot.teams.len());
            let added = families.add_teams(&snapshot.teams[first..last]);
            added.map_err(|error| prometheus::Error::Msg(format!("a team cannot be unpacked: {error}")))?;
        }
        Place::Trends(first) => {
            let last = (first + TRENDS_OF_A_PIECE).min(snapshot.trends.len());
            families.add_trends(&snapshot.trends[first..last]);
        }
    }
    Ok(families)
}

impl Default for Pieces {
    fn default() -> Self {
        Self(DeflateEncoder::new(Vec::new(), Compression::fast()))
    }
}

impl Pieces {
    fn of_families(&mut self, families: &[MetricFamily]) -> Result<Vec<Rendered>, prometheus::Error> {
        let rendered = families.iter().map(|family| {
            let mut text = Vec::new();
            TextEncoder::new().encode(std::slice::from_ref(family), &mut text)?;
            let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(place, _)| place + 1);
            let (header, samples) = text.split_at(ends.take(HEADER_LINES).last().unwrap_or_default());
            Ok(Rendered { name: family.name().to_owned(), header: header.into(), samples: self.of(samples)? })
        });
        rendered.collect()
    }

    /// Deflates a text up to a byte boundary, in a stream that goes back to nothing before it.
    fn of(&mut self, plain: &[u8]) -> Result<Piece, prometheus::Error> {
        let Self(encoder) = self;
        let flushed = encoder.write_all(plain).and_then(|()| encoder.flush());
        let deflated = encoder.get_ref().clone();
        let reset = flushed.and_then(|()| encoder.reset(Vec::new()));
        reset.map_err(|error| prometheus::Error::Msg(format!("compression failed: {error}")))?;
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(plain);
        let extent = Extent { checksum, length: plain.len() };
        Ok(Piece { deflated, extent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposition(texts: &[(&str, &str)]) -> Exposition {
        let mut pieces = Pieces::default();
        let family = |(name, text): &(&str, &str)| Rendered {
            name: (*name).to_owned(),
            header: format!("# {name}\n").into_bytes(),
            samples: pieces.of(text.as_bytes()).unwrap(),
        };
        let place = Place::Organisation;
        let rendered = texts.iter().map(family).collect();
        Exposition::default().with([(place, rendered)].into(), &BTreeSet::from([place]), &mut pieces).unwrap()
    }

    fn unpacked(parts: &[&Exposition]) -> String {
        let stream = Exposition::gzip(parts).concat();
        let mut text = String::new();
        // This decoder reads a single member and checks its checksum and length.
        flate2::read::GzDecoder::new(stream.as_slice()).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn parts_make_one_gzip_stream() {
        let (long, second) = ("a_metric 1\n".repeat(300_000), "another_metric 2\n".repeat(9_000));
        let parts = [exposition(&[("a", &long), ("b", &second)]), Exposition::default(), exposition(&[("c", "c 3\n")])];
        let text = unpacked(&parts.iter().collect::<Vec<_>>());
        assert_eq!(text, format!("# a\n{long}# b\n{second}# c\nc 3\n"));
        let plain = parts.iter().map(Exposition::plain).collect::<Vec<_>>().concat();
        assert_eq!(plain, text.as_bytes());
    }

    #[test]
    fn empty_labels_are_left_out_and_families_sorted() {
        let mut families = Families::default();
        families.gauge("b", "Second.", &[("team", "shop"), ("stat", "")], 2.0);
        families.gauge("a", "First.", &[], 1.0);
        assert_eq!(families.series_count(), 2);
        let exposition = Exposition::live(&families.finished()).unwrap();
        let expected = "# HELP a First.\n# TYPE a gauge\na 1\n# HELP b Second.\n# TYPE b gauge\nb{team=\"shop\"} 2\n";
        assert_eq!(exposition.plain(), expected);
        assert_eq!(unpacked(&[&exposition]), expected);
    }
}
