//! Documents that look like those of a magazine, the same ones in every run.

use serde_json::{Map, Value as Json, json};
use stratus_document::{Input, Member};

/// Raised when what is generated changes, so that databases of before are not taken for it.
pub(crate) const EDITION: u32 = 2;

/// How long the text of a post is, in words: 1.5 KB of JSON on average.
const BODY_WORDS: std::ops::Range<u64> = 154..244;

const WORDS: &str = "the of and a to in is was for that it as with on by an be this which or are from at one \
    have not but had they you were all can there when out up more will about so said what its who time into \
    them some could than other these two may then do first any my now such like our over me even most made \
    after also did many before must through back years where much your way well down should because each just \
    those people how too little state good very make world still own see men work long get here between both \
    life being under never day same another know while last might us great old year off come since against go \
    came right used take three small harbour editor winter letter engine garden column archive window railway \
    paper island printer signal bridge market lantern season weather record village library engineer museum";

const TAGS: [&str; 24] = [
    "essay",
    "interview",
    "travel",
    "science",
    "history",
    "design",
    "food",
    "music",
    "cities",
    "energy",
    "books",
    "film",
    "craft",
    "health",
    "maps",
    "oceans",
    "language",
    "trains",
    "weather",
    "photography",
    "work",
    "school",
    "archive",
    "opinion",
];

/// Numbers that are the same in every run: splitmix64.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in a range.
    pub(crate) fn within(&mut self, range: std::ops::Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    /// One of several.
    pub(crate) fn pick<'it, T>(&mut self, from: &'it [T]) -> &'it T {
        &from[(self.next() % from.len() as u64) as usize]
    }
}

/// The ids that posts refer to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Targets {
    pub(crate) authors: Vec<String>,
    pub(crate) categories: Vec<String>,
}

/// A generator of documents.
#[derive(Debug)]
pub(crate) struct Writer {
    words: Vec<&'static str>,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self { words: WORDS.split_whitespace().collect() }
    }

    pub(crate) fn author(&self, number: usize) -> Json {
        let mut dice = Dice::new(number as u64 ^ 0xa0);
        let name = format!("{} {number}", capital(&self.sentence(&mut dice, 2)));
        json!({ "name": name, "bio": self.prose(&mut dice, 60), "email": format!("author{number}@example.org") })
    }

    pub(crate) fn category(&self, number: usize) -> Json {
        let mut dice = Dice::new(number as u64 ^ 0xca);
        json!({ "name": format!("Category {number}"), "description": self.prose(&mut dice, 20) })
    }

    /// A post: three tags, one author and two categories.
    pub(crate) fn post(&self, number: usize, targets: &Targets) -> Json {
        let mut dice = Dice::new(number as u64);
        let body_words = dice.within(BODY_WORDS);
        let first_tag = dice.within(0..TAGS.len() as u64) as usize;
        let tags: Vec<_> = [0, 5, 11].iter().map(|step| TAGS[(first_tag + step) % TAGS.len()]).collect();
        let category = dice.next() as usize;
        let categories: Vec<_> = targets.categories.iter().cycle().skip(category % 7).take(2).collect();
        json!({
            "title": self.title(number),
            "excerpt": self.prose(&mut dice, 24),
            "body": self.prose(&mut dice, body_words),
            "author": dice.pick(&targets.authors),
            "categories": categories,
            "tags": tags,
            "featured": number.is_multiple_of(10),
            "rating": dice.within(10..51) as f64 / 10.0,
            "cover": format!("https://images.example.org/{:016x}.jpg", dice.next()),
        })
    }

    /// The same without what rows are derived from.
    pub(crate) fn note(&self, number: usize) -> Json {
        let mut dice = Dice::new(number as u64);
        let words = dice.within(BODY_WORDS) + 69;
        json!({ "title": self.title(number), "body": self.prose(&mut dice, words) })
    }

    /// The slug that a post gets when it is given one.
    pub(crate) fn slug(&self, number: usize) -> String {
        self.title(number).to_lowercase().replace(' ', "-")
    }

    fn title(&self, number: usize) -> String {
        let mut dice = Dice::new(number as u64 ^ 0x7171);
        let words = dice.within(3..7);
        format!("{} {number}", capital(&self.sentence(&mut dice, words)))
    }

    fn sentence(&self, dice: &mut Dice, words: u64) -> String {
        (0..words).map(|_| *dice.pick(&self.words)).collect::<Vec<_>>().join(" ")
    }

    /// Paragraphs of sentences, with a little Markdown.
    fn prose(&self, dice: &mut Dice, words: u64) -> String {
        let mut text = String::new();
        let mut left = words;
        while left > 0 {
            let length = dice.within(6..17).min(left);
            left -= length;
            let sentence = capital(&self.sentence(dice, length));
            match dice.within(0..9) {
                0 => text.push_str(&format!("*{sentence}.* ")),
                1 => text.push_str(&format!("“{sentence}.”\n\n")),
                _ => text.push_str(&format!("{sentence}. ")),
            }
        }
        text.trim_end().to_owned()
    }
}

/// A public document with these fields.
pub(crate) fn input(fields: Json, slug: Option<String>) -> Input {
    let fields = match fields {
        Json::Object(fields) => fields,
        _ => Map::new(),
    };
    let slug = slug.map_or(Member::Absent, Member::Value);
    Input { slug, publish: true, fields: Some(fields), ..Input::default() }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posts_are_the_same_in_every_run_and_have_the_size_that_is_told() {
        let writer = Writer::new();
        let ids = |count| (0..count).map(|n| format!("{n:036}")).collect::<Vec<_>>();
        let targets = Targets { authors: ids(9), categories: ids(5) };
        let bytes = |number| writer.post(number, &targets).to_string().len();
        assert_eq!(writer.post(7, &targets), writer.post(7, &targets));
        let mean = (0..1_000).map(bytes).sum::<usize>() / 1_000;
        assert!((1_450..1_550).contains(&mean), "{mean} bytes");
        let mean = (0..1_000).map(|number| writer.note(number).to_string().len()).sum::<usize>() / 1_000;
        assert!((1_450..1_550).contains(&mean), "{mean} bytes of a note");
    }
}
