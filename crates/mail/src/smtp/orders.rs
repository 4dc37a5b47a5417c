//! Replies that a server was ordered to give: a greylist, a server under
//! repair, a lab that shows what clients make of a code.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use capa7_mail_proto::address::Address;
use capa7_mail_proto::smtp::reply::Reply;
use capa7_mail_proto::smtp::server::{Role, Stage};
use capa7_net::Time;

/// The orders of one server. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Orders(Arc<Mutex<Board>>);

/// A reply to be given instead of the server's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// At the listeners of this kind.
    pub role: Role,
    /// To what.
    pub stage: Stage,
    /// Of RCPT only those that name this one; none is all.
    pub recipient: Option<Address>,
    /// The reply, 4xx or 5xx (RFC 5321 §4.2.1); after 421 the server closes.
    pub reply: Reply,
    /// So many are answered as usual first.
    pub skip: u64,
    /// How many get it after those; none is without end.
    pub count: Option<u64>,
    /// Until when; none is without end.
    pub until: Option<Time>,
}

/// The number of an order at its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderId(u64);

#[derive(Debug, Default)]
struct Board {
    last: u64,
    orders: Vec<Given>,
}

#[derive(Debug)]
struct Given {
    id: OrderId,
    order: Order,
    /// How often it was asked about.
    seen: u64,
    applied: u64,
}

impl Orders {
    /// One more. Of several that fit the oldest is obeyed.
    pub fn give(&self, order: Order) -> OrderId {
        let mut board = self.lock();
        board.last += 1;
        let id = OrderId(board.last);
        board.orders.push(Given { id, order, seen: 0, applied: 0 });
        id
    }

    /// Takes one back. Says whether it was there.
    pub fn take_back(&self, id: OrderId) -> bool {
        let mut board = self.lock();
        let before = board.orders.len();
        board.orders.retain(|given| given.id != id);
        board.orders.len() < before
    }

    /// Takes all back.
    pub fn clear(&self) {
        self.lock().orders.clear();
    }

    /// Whether an order is still to be obeyed at this moment.
    #[must_use]
    pub fn is_in_force(&self, id: OrderId, now: Time) -> bool {
        self.lock().orders.iter().any(|given| given.id == id && !given.is_spent(now))
    }

    /// The reply to be given at this point, if there is one.
    pub(super) fn reply(
        &self,
        role: Role,
        stage: Stage,
        recipient: Option<&Address>,
        now: Time,
    ) -> Option<Reply> {
        let mut board = self.lock();
        board.orders.retain(|given| !given.is_spent(now));
        let mut fits = board.orders.iter_mut().filter(|given| {
            let order = &given.order;
            let names = order.recipient.as_ref().is_none_or(|one| Some(one) == recipient);
            order.role == role && order.stage == stage && names
        });
        let obeyed = fits.find_map(|given| {
            given.seen += 1;
            (given.seen > given.order.skip).then_some(given)
        })?;
        obeyed.applied += 1;
        Some(obeyed.order.reply.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Given {
    fn is_spent(&self, now: Time) -> bool {
        self.order.count.is_some_and(|count| self.applied >= count)
            || self.order.until.is_some_and(|until| until <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(reply: u16) -> Order {
        Order {
            role: Role::Mx,
            stage: Stage::Recipient,
            recipient: None,
            reply: Reply::new(reply, None, "no"),
            skip: 0,
            count: None,
            until: None,
        }
    }

    fn said(orders: &Orders, at: u64) -> Option<u16> {
        let reply = orders.reply(Role::Mx, Stage::Recipient, None, Time(at));
        reply.map(|reply| reply.code.number())
    }

    /// First so many pass, then so many are hit, and the next order has its turn.
    #[test]
    fn an_order_is_obeyed_as_often_as_it_says_and_until_its_time() {
        let orders = Orders::default();
        let first = orders.give(Order { skip: 1, count: Some(2), ..order(451) });
        assert_eq!(said(&orders, 0), None);
        assert_eq!((said(&orders, 0), said(&orders, 0)), (Some(451), Some(451)));
        assert!(!orders.is_in_force(first, Time(0)));
        assert_eq!(said(&orders, 0), None);
        let second = orders.give(Order { until: Some(Time(10)), ..order(550) });
        assert_eq!((said(&orders, 9), said(&orders, 10)), (Some(550), None));
        assert!(!orders.take_back(second), "it was over");
    }

    #[test]
    fn an_order_is_for_one_command_of_one_kind_of_listener() {
        let orders = Orders::default();
        let id = orders.give(order(450));
        assert_eq!(orders.reply(Role::Submission, Stage::Recipient, None, Time(0)), None);
        assert_eq!(orders.reply(Role::Mx, Stage::Mail, None, Time(0)), None);
        assert_eq!(said(&orders, 0), Some(450));
        assert!(orders.take_back(id));
        assert_eq!(said(&orders, 0), None);
    }

    #[test]
    fn an_order_may_be_for_one_recipient() {
        let orders = Orders::default();
        let address = |text: &str| text.parse::<Address>().unwrap();
        let (one, other) = (address("beatriz@a.test"), address("carlos@a.test"));
        orders.give(Order { recipient: Some(one.clone()), count: Some(1), ..order(550) });
        let said = |to: Option<&Address>| {
            orders.reply(Role::Mx, Stage::Recipient, to, Time(0)).map(|said| said.code.number())
        };
        assert_eq!((said(Some(&other)), said(None)), (None, None));
        assert_eq!((said(Some(&one)), said(Some(&one))), (Some(550), None));
    }
}
