//! The first look at a file: every line is taken apart, and what is known of it is staged.

use std::io::{Read, Seek};

use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};
use stratus_storage::{Clock, Entropy, Timestamp, mint_uuid_v7};

use super::{
    import::Report,
    line::{Body, Line, Remains},
    run::{Halt, Run},
    stage::{Staged, State, place_of},
};
use crate::{service::Member, slug, validate::FieldError};

impl<S: Read + Seek + Send> Run<'_, S> {
    /// Stages every line, and says which can't be.
    pub(super) async fn stage_lines(&mut self) -> Result<(), Halt> {
        while let Some((place, text)) = self.source.next()? {
            let end = place.position + place.bytes;
            let parsed = match text {
                Ok(text) => Line::parse(text).map(|line| {
                    let seed = if line.id.is_none() { derived_id_seed(text) } else { [0; 16] };
                    (line, seed)
                }),
                Err(fault) => Err((vec![fault], Remains::default())),
            };
            let staged = match parsed {
                Ok((line, seed)) => self.staged(place.line, &line, seed).map_err(|faults| {
                    (faults, Remains { id: line.id, collection: line.collection, slug: None })
                }),
                Err(faulty) => Err(faulty),
            };
            let staged = match staged {
                Ok(staged) => staged,
                Err((faults, remains)) => {
                    self.fault(place.line, faults)?;
                    let remains = self.remains(place.line, remains);
                    self.unstaged += u64::from(remains.is_none());
                    remains
                }
            };
            if let Some(staged) = staged {
                let staged = Staged { position: place.position, bytes: place.bytes, ..staged };
                self.stage.add(&staged).await?;
                self.lines += 1;
            }
            if place.line.is_multiple_of(1_000) {
                (self.report)(Report::Read { bytes: end });
            }
        }
        Ok(self.stage.flush().await?)
    }

    /// What is staged of a line; nothing if it is of a collection that is not imported.
    fn staged(
        &mut self,
        number: u64,
        line: &Line,
        seed: [u8; 16],
    ) -> Result<Option<Staged>, Vec<FieldError>> {
        let only = self.options.collection.as_deref();
        let Some(name) = line.collection.as_deref().or(only) else {
            let message = "`type` is required: the name of a collection";
            return Err(vec![FieldError::new("/type", "required", message)]);
        };
        if only.is_some_and(|only| only != name) {
            return Ok(None);
        }
        let registry = &self.importer.target.registry;
        let (Some(collection), Some(rank)) = (registry.collection(name), self.ranks.get(name)) else {
            let message = format!("there is no collection `{}`", crate::validate::shorten(name));
            return Err(vec![FieldError::new("/type", "unknown_collection", message)]);
        };
        let slug = match &line.slug {
            Member::Value(slug) => Some(slug.clone()),
            Member::Absent | Member::Null => None,
        };
        let wants_slug = match (&line.slug, &line.body) {
            (Member::Value(_), _) | (Member::Null, Body::Exact { .. }) => false,
            (Member::Absent, _) | (Member::Null, Body::Bare(_)) => true,
        };
        let base = match &collection.definition().slug {
            Some(rule) if wants_slug => {
                let title = line.fields().get(&rule.from).and_then(Json::as_str).unwrap_or_default();
                slug::derive(title).or_else(|| slug::derive(name))
            }
            _ => None,
        };
        let parent = match &line.parent {
            Member::Value(parent) => parent.clone(),
            Member::Absent | Member::Null => String::new(),
        };
        self.has_open |=
            base.is_some() || stratus_storage::parse_uuid(&parent).is_err() && !parent.is_empty();
        let root_id = match (&line.id, &slug) {
            (Some(id), _) => id.clone(),
            (None, Some(_)) => mint_uuid_v7(&*self.importer.clock, &*self.importer.entropy),
            (None, None) => self.derived_id(name, line, seed),
        };
        Ok(Some(Staged {
            place: place_of(*rank, number),
            position: 0,
            bytes: 0,
            collection: name.to_owned(),
            locale: line.locale.clone().unwrap_or_else(|| collection.default_locale().to_owned()),
            parent,
            slug,
            base,
            given_id: line.id.clone(),
            root_id,
            state: State::Staged,
        }))
    }

    /// What has neither an id nor a slug is known again by its text.
    fn derived_id(&self, collection: &str, line: &Line, seed: [u8; 16]) -> String {
        let mut hash = Sha256::new();
        for part in [self.importer.target.tenant.as_str().as_bytes(), collection.as_bytes(), &seed] {
            hash.update(part);
            hash.update([0]);
        }
        let published_at = match line.published_at {
            Member::Value(time) => Some(time),
            _ => None,
        };
        let time = line.created_at.or(published_at).unwrap_or(0);
        mint_uuid_v7(&Fixed(time), &Fixed(hash.finalize().into()))
    }

    /// What is staged of a line that is not imported, so that others which refer to it can be told.
    fn remains(&mut self, number: u64, remains: Remains) -> Option<Staged> {
        let name = remains.collection.or_else(|| self.options.collection.clone())?;
        let rank = self.ranks.get(&name)?;
        let importer = self.importer;
        let mint = || mint_uuid_v7(&*importer.clock, &*importer.entropy);
        Some(Staged {
            place: place_of(*rank, number),
            position: 0,
            bytes: 0,
            collection: name,
            locale: String::new(),
            parent: String::new(),
            slug: remains.slug,
            base: None,
            given_id: remains.id.clone(),
            root_id: remains.id.unwrap_or_else(mint),
            state: State::Failed,
        })
    }
}

fn derived_id_seed(text: &str) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let mut seed = [0; 16];
    seed.copy_from_slice(&digest[..16]);
    seed
}

impl Line {
    /// The fields that a slug is derived from.
    pub(super) fn fields(&self) -> &Map<String, Json> {
        static NONE: std::sync::LazyLock<Map<String, Json>> = std::sync::LazyLock::new(Map::new);
        match &self.body {
            Body::Bare(bare) => &bare.fields,
            Body::Exact { published, head, .. } => {
                head.as_ref().or(published.as_ref()).map_or(&NONE, |row| &row.fields)
            }
        }
    }
}

/// A time and bits that are given, for an id that is the same each time.
struct Fixed<T>(T);

impl Clock for Fixed<Timestamp> {
    fn now(&self) -> Timestamp {
        self.0
    }
}

impl Entropy for Fixed<[u8; 32]> {
    fn fill(&self, buffer: &mut [u8]) {
        for (to, from) in buffer.iter_mut().zip(self.0.iter().cycle()) {
            *to = *from;
        }
    }
}
