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
        loop {
            let ready = self.ready_lines().await?;
            if !ready.is_empty() {
                self.insist(ready).await?;
                continue;
            }
            let Some(first) = self.stage.first_waiting().await? else { return Ok(()) };
            let circle = self.circle_from(first).await?;
            if circle.len() > BATCH_LINES {
                self.refuse_circle(&circle).await?;
                continue;
            }
            let lines = self.stage.at(&circle).await?;
            if self.insist(lines.clone()).await? == 0 {
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

    /// The lines of a circle that waits for nothing but itself, reached from a line: the first
    /// strongly connected component that Tarjan's algorithm completes.
    async fn circle_from(&mut self, first: i64) -> Result<Vec<i64>, Halt> {
        let mut seen = HashMap::<i64, usize>::new();
        let mut lowest = HashMap::<i64, usize>::new();
        let mut path: Vec<(i64, Vec<i64>)> = Vec::new();
        let mut stack = Vec::new();
        let mut next = Some(first);
        loop {
            if let Some(place) = next.take() {
                let number = seen.len();
                seen.insert(place, number);
                lowest.insert(place, number);
                stack.push(place);
                path.push((place, self.stage.waits_of(place).await?));
            }
            let Some((place, open)) = path.last_mut() else { return Ok(stack) };
            let place = *place;
            match open.pop() {
                // Nothing is complete yet, so that whatever was seen is on the stack.
                Some(target) => match seen.get(&target) {
                    Some(&number) => lower(&mut lowest, place, number),
                    None => next = Some(target),
                },
                None if lowest.get(&place) == seen.get(&place) => {
                    let from = stack.iter().position(|it| *it == place).unwrap_or(0);
                    return Ok(stack.split_off(from));
                }
                None => {
                    path.pop();
                    let number = lowest.get(&place).copied().unwrap_or(0);
                    if let Some((above, _)) = path.last() {
                        lower(&mut lowest, *above, number);
                    }
                }
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

fn lower(lowest: &mut HashMap<i64, usize>, place: i64, number: usize) {
    let entry = lowest.entry(place).or_insert(number);
    *entry = (*entry).min(number);
}
