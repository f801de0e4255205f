//! Lines that had to wait: written as soon as what they refer to is, and in one batch where they
//! refer to each other in a circle.

use std::{
    collections::{BTreeSet, HashMap},
    io::{Read, Seek},
};

use super::{
    run::{BATCH_LINES, Halt, Run},
    stage::{Staged, State},
};
use crate::validate::FieldError;

impl<S: Read + Seek + Send> Run<'_, S> {
    /// Writes all that waits.
    pub(super) async fn those_that_waited(&mut self) -> Result<(), Halt> {
        let mut search = Search::default();
        // What was tried since something was written, in vain.
        let mut tried = BTreeSet::new();
        loop {
            let ready = self.ready_lines().await?;
            if !ready.is_empty() {
                if self.insist(ready).await? > 0 {
                    tried.clear();
                }
                continue;
            }
            let Some(circle) = self.next_circle(&mut search).await? else { return Ok(()) };
            // What was seen on the way may have been written since, once it waited for nothing else.
            let mut lines = self.stage.at(&circle).await?;
            lines.retain(|it| it.state == State::Waits);
            if lines.len() > BATCH_LINES {
                let places = lines.iter().map(|it| it.place).collect::<Vec<_>>();
                self.refuse_circle(&places).await?;
            } else if lines.is_empty() {
                // They were written while the search was elsewhere.
            } else if self.insist(lines.clone()).await? > 0 {
                tried.clear();
            } else if tried.insert(circle) {
                // A line notes what it waits for as far as it is known by then. It is known better
                // now: there may be more to walk through.
                search = Search::default();
            } else {
                self.give_up(&lines).await?;
            }
        }
    }

    /// Lines that wait for nothing, and those that wait for these alone.
    async fn ready_lines(&mut self) -> Result<Vec<Staged>, Halt> {
        let mut places = self.stage.ready(BATCH_LINES).await?;
        let mut lines = self.lines_at(&places).await?;
        let mut roots: Vec<String> = lines.iter().map(|it| it.root_id.clone()).collect();
        let mut newest = 0;
        // What did not fit by its bytes is ready the next time.
        let is_cut = lines.len() < places.len();
        while !is_cut && newest < roots.len() && lines.len() < BATCH_LINES {
            let all = roots.iter().map(String::as_str).collect::<Vec<_>>();
            let followers = self.stage.followers(&all[newest..], &all, BATCH_LINES - lines.len()).await?;
            newest = roots.len();
            let known: BTreeSet<_> = places.iter().copied().collect();
            let followers: Vec<_> = followers.into_iter().filter(|it| !known.contains(it)).collect();
            let more = self.lines_at(&followers).await?;
            roots.extend(more.iter().map(|it| it.root_id.clone()));
            places.extend(more.iter().map(|it| it.place));
            lines.extend(more);
        }
        Ok(lines)
    }

    /// The next circle that waits for nothing but itself; nothing once no line waits.
    async fn next_circle(&mut self, search: &mut Search) -> Result<Option<Vec<i64>>, Halt> {
        loop {
            if search.path.is_empty() {
                let Some(first) = self.stage.first_waiting().await? else { return Ok(None) };
                if search.seen.contains_key(&first) {
                    // It waits again, or for something else than when it was seen.
                    *search = Search::default();
                }
                search.enter(first, self.stage.waits_of(first).await?);
            }
            match search.step() {
                Step::Enter(place) => search.enter(place, self.stage.waits_of(place).await?),
                Step::Complete(circle) => return Ok(Some(circle)),
                Step::On => {}
            }
        }
    }

    /// What can be neither written nor refused would be tried for ever.
    async fn give_up(&mut self, lines: &[Staged]) -> Result<(), Halt> {
        let failed = lines.iter().map(|it| (it.place, it.root_id.as_str())).collect::<Vec<_>>();
        self.stage.failed(&failed).await?;
        for line in lines.iter().filter(|it| it.state != State::Failed) {
            let message = "what it refers to is neither there nor among the lines that can be written";
            self.fault(line.line(), vec![FieldError::new("", "missing_reference", message)])?;
        }
        Ok(())
    }
}

/// Tarjan's algorithm, paused at every strongly connected component that it completes: what was
/// walked through is not walked through again for the next one.
#[derive(Default)]
struct Search {
    /// When each line was reached.
    seen: HashMap<i64, usize>,
    /// Of those in no complete component: the earliest that is reached from them.
    lowest: HashMap<i64, usize>,
    /// From where the search began to where it is, each with what is not walked through yet.
    path: Vec<(i64, Vec<i64>)>,
    /// What was reached and is in no complete component.
    stack: Vec<i64>,
}

/// What a search does next.
enum Step {
    /// It goes to a line, and has to know what that one waits for.
    Enter(i64),
    /// These lines wait for nothing but each other and what was complete before.
    Complete(Vec<i64>),
    On,
}

impl Search {
    fn enter(&mut self, place: i64, waits_for: Vec<i64>) {
        let number = self.seen.len();
        self.seen.insert(place, number);
        self.lowest.insert(place, number);
        self.stack.push(place);
        self.path.push((place, waits_for));
    }

    fn step(&mut self) -> Step {
        let Some((place, open)) = self.path.last_mut() else { return Step::On };
        let place = *place;
        match open.pop() {
            Some(target) => match self.seen.get(&target).copied() {
                None => Step::Enter(target),
                Some(number) if self.lowest.contains_key(&target) => {
                    self.lower(place, number);
                    Step::On
                }
                Some(_) => Step::On,
            },
            None => self.leave(place),
        }
    }

    fn leave(&mut self, place: i64) -> Step {
        self.path.pop();
        let number = self.lowest.get(&place).copied().unwrap_or(0);
        if self.seen.get(&place) == Some(&number) {
            let from = self.stack.iter().rposition(|it| *it == place).unwrap_or(0);
            let circle = self.stack.split_off(from);
            for it in &circle {
                self.lowest.remove(it);
            }
            return Step::Complete(circle);
        }
        if let Some(above) = self.path.last().map(|it| it.0) {
            self.lower(above, number);
        }
        Step::On
    }

    fn lower(&mut self, place: i64, number: usize) {
        let entry = self.lowest.entry(place).or_insert(number);
        *entry = (*entry).min(number);
    }
}
