//! A history with the indexes that all checks share.

use std::collections::HashMap;

use domain::MessageId;

use super::History;
use super::facts::{Message, Post};

#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) history: &'a History,
    rows: HashMap<MessageId, &'a Message>,
    posts: HashMap<MessageId, Vec<(i32, &'a Post)>>,
}

impl<'a> View<'a> {
    pub(super) fn of(history: &'a History) -> Self {
        let mut posts = HashMap::<_, Vec<_>>::new();
        for post in &history.posts {
            if let Some((id, attempt)) = post.of {
                posts.entry(id).or_default().push((attempt, post));
            }
        }
        Self {
            history,
            rows: history.messages.iter().map(|message| (message.id, message)).collect(),
            posts,
        }
    }

    pub(super) fn row(&self, id: MessageId) -> Option<&'a Message> {
        self.rows.get(&id).copied()
    }

    /// The POSTs of a message with their attempts, in the order of arrival.
    pub(super) fn posts(&self, id: MessageId) -> &[(i32, &'a Post)] {
        self.posts.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Messages that Meta saw something of.
    pub(super) fn posted(&self) -> impl Iterator<Item = (MessageId, &[(i32, &'a Post)])> {
        self.posts.iter().map(|(id, posts)| (*id, posts.as_slice()))
    }

    pub(super) fn accepted(&self, id: MessageId) -> impl Iterator<Item = (i32, &'a Post)> {
        self.posts(id).iter().copied().filter(|(_, post)| post.accepted)
    }

    /// Whether this person wrote to this number at any time: then the messaging limit may not count them.
    pub(super) fn ever_wrote(&self, number: &str, digits: &str) -> bool {
        self.history
            .inbound
            .iter()
            .any(|inbound| inbound.number == number && inbound.recipient.trim_start_matches('+') == digits)
    }
}
