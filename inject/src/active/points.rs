//! The points of one injector; pure state, no waiting.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::{MESSAGES_KEPT, Message, Params};

/// The points of one injector, by name.
#[derive(Default)]
pub(super) struct Points {
    by_name: BTreeMap<String, Point>,
    /// How often any point was enabled; names each enabling.
    enablings: u64,
}

#[derive(Default)]
struct Point {
    entries: u64,
    /// Kept while a consumed one-shot's entry may still be sent messages; gone when disabled.
    on: Option<On>,
}

struct On {
    enabling: Enabling,
    params: Arc<Params>,
    /// A one-shot that was entered.
    consumed: bool,
    messages: VecDeque<Message>,
    /// How many messages went when newer ones came.
    forgotten: u64,
}

/// One time that a point was enabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Enabling {
    point: Arc<str>,
    number: u64,
}

/// What an entry takes along.
pub(super) struct Arrival {
    pub(super) enabling: Enabling,
    pub(super) params: Arc<Params>,
}

impl Enabling {
    pub(super) fn point(&self) -> &str {
        &self.point
    }
}

impl Points {
    pub(super) fn enable(&mut self, name: &str, params: Params) {
        self.enablings += 1;
        let enabling = Enabling {
            point: name.into(),
            number: self.enablings,
        };
        let on = On {
            enabling,
            params: Arc::new(params),
            consumed: false,
            messages: VecDeque::new(),
            forgotten: 0,
        };
        self.by_name.entry(name.to_owned()).or_default().on = Some(on);
    }

    pub(super) fn disable(&mut self, name: &str) {
        if let Some(point) = self.by_name.get_mut(name) {
            point.on = None;
        }
    }

    pub(super) fn disable_all(&mut self) {
        for point in self.by_name.values_mut() {
            point.on = None;
        }
    }

    pub(super) fn is_enabled(&self, name: &str) -> bool {
        self.by_name.get(name).is_some_and(Point::admits)
    }

    pub(super) fn enabled(&self) -> Vec<String> {
        self.by_name
            .iter()
            .filter(|(_, point)| point.admits())
            .map(|(name, _)| name.clone())
            .collect()
    }

    pub(super) fn entries(&self, name: &str) -> u64 {
        self.by_name.get(name).map_or(0, |point| point.entries)
    }

    pub(super) fn enter(&mut self, name: &str) -> Option<Arrival> {
        let point = self.by_name.get_mut(name)?;
        let on = point.on.as_mut().filter(|on| !on.consumed)?;
        on.consumed = on.params.one_shot;
        point.entries += 1;
        Some(Arrival {
            enabling: on.enabling.clone(),
            params: Arc::clone(&on.params),
        })
    }

    pub(super) fn message(&mut self, name: &str, message: Message) -> bool {
        let Some(on) = self.by_name.get_mut(name).and_then(|point| point.on.as_mut()) else {
            return false;
        };
        if on.messages.len() == MESSAGES_KEPT {
            on.messages.pop_front();
            on.forgotten += 1;
        }
        on.messages.push_back(message);
        true
    }

    /// The first message after `read` of them, and how many are read with it; `None` if the enabling is over.
    pub(super) fn read(&self, enabling: &Enabling, read: u64) -> Option<Option<(Message, u64)>> {
        let on = self
            .by_name
            .get(enabling.point())?
            .on
            .as_ref()
            .filter(|on| on.enabling == *enabling)?;
        let index = read.saturating_sub(on.forgotten);
        let message = usize::try_from(index)
            .ok()
            .and_then(|index| on.messages.get(index));
        Some(message.map(|message| (message.clone(), on.forgotten + index + 1)))
    }
}

impl Point {
    fn admits(&self) -> bool {
        self.on.as_ref().is_some_and(|on| !on.consumed)
    }
}
