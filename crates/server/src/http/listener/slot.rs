//! What each connection is expected to do, and since when.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use super::ListenerConfig;

/// How long a client that is sending a header is left alone when room is needed. Meta sends its
/// header with the connection; whoever waits behind strangers who send nothing waits this long for
/// every [`ListenerConfig::max_connections`] of them.
const SHED_GRACE: Duration = Duration::from_millis(200);

/// What a connection is expected to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The client owes a header, or the rest of one.
    Head,
    /// We owe an answer, or the client a body; those have limits of their own.
    Busy,
    /// Nobody owes anything, except perhaps the rest of an answer that is being written.
    Idle,
    /// The loop has given up on it, or it is over.
    Over,
}

const PHASE_BITS: u32 = 2;

/// A phase and the sweep it began at, in one word.
fn pack(phase: Phase, since: u64) -> u64 {
    let phase = match phase {
        Phase::Head => 0,
        Phase::Busy => 1,
        Phase::Idle => 2,
        Phase::Over => 3,
    };
    (since << PHASE_BITS) | phase
}

fn unpack(word: u64) -> (Phase, u64) {
    let phase = match word & 0b11 {
        0 => Phase::Head,
        1 => Phase::Busy,
        2 => Phase::Idle,
        _ => Phase::Over,
    };
    (phase, word >> PHASE_BITS)
}

/// What the loop asks of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Go on.
    Serve,
    /// Answer what is under way and close.
    Finish,
    /// Close now.
    Drop,
}

/// One connection, as the loop sees it.
#[derive(Debug)]
pub(super) struct Slot {
    word: AtomicU64,
    /// The number of the current sweep, shared by all.
    sweeps: Arc<AtomicU64>,
    order: AtomicU8,
    ordered: Notify,
    /// An answer went out before its request's body was in.
    lingers: AtomicBool,
}

impl Slot {
    /// A request's header is in.
    pub(super) fn begin_request(&self) {
        self.enter(Phase::Busy);
    }

    /// The answer is known, and on its way.
    pub(super) fn end_request(&self, lingers: bool) {
        if lingers {
            self.lingers.store(true, Ordering::Relaxed);
        }
        self.enter(Phase::Idle);
    }

    /// Bytes came in: if nothing was expected, a header has begun.
    pub(super) fn note_read(&self) {
        if self.phase() == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    /// Bytes went out: an answer that is being taken is not idleness.
    pub(super) fn note_write(&self) {
        if self.phase() == Phase::Idle {
            self.enter(Phase::Idle);
        }
    }

    /// The connection is over.
    pub(super) fn close(&self) {
        self.word.store(pack(Phase::Over, 0), Ordering::Relaxed);
    }

    pub(super) fn lingers(&self) -> bool {
        self.lingers.load(Ordering::Relaxed)
    }

    /// Whether the connection is to end with the answer that is under way.
    pub(super) fn is_finishing(&self) -> bool {
        self.order.load(Ordering::Acquire) > 0
    }

    /// Waits until the loop asks for something else than [`Order::Serve`].
    pub(super) async fn ordered(&self) -> Order {
        self.ordered.notified().await;
        match self.order.load(Ordering::Acquire) {
            0 => Order::Serve,
            1 => Order::Finish,
            _ => Order::Drop,
        }
    }

    fn phase(&self) -> Phase {
        unpack(self.word.load(Ordering::Relaxed)).0
    }

    /// Enters a phase, unless the loop has given the connection up meanwhile.
    fn enter(&self, phase: Phase) {
        let entered = pack(phase, self.sweeps.load(Ordering::Relaxed));
        let seen = self.word.load(Ordering::Relaxed);
        if seen != entered && unpack(seen).0 != Phase::Over {
            // Only the loop changes it beside us, and only to Over.
            let _ = self
                .word
                .compare_exchange(seen, entered, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn order(&self, order: Order) {
        let order = match order {
            Order::Serve => 0,
            Order::Finish => 1,
            Order::Drop => 2,
        };
        self.order.fetch_max(order, Ordering::Release);
        self.ordered.notify_one();
    }

    /// Gives the connection up, unless it has begun something since `seen`.
    fn give_up(&self, seen: u64) -> bool {
        let is_unchanged = self
            .word
            .compare_exchange(
                seen,
                pack(Phase::Over, 0),
                Ordering::Relaxed,
                Ordering::Relaxed,
            )
            .is_ok();
        if is_unchanged {
            self.order(Order::Drop);
        }
        is_unchanged
    }
}

/// The time limits, in sweeps.
#[derive(Debug, Clone, Copy)]
pub(super) struct SlotLimits {
    header: u64,
    idle: u64,
    grace: u64,
    connections: usize,
}

impl SlotLimits {
    pub(super) fn new(config: &ListenerConfig, sweep_every: Duration) -> Self {
        let sweeps = |limit: Duration| {
            let sweeps = limit.as_nanos().div_ceil(sweep_every.as_nanos().max(1));
            u64::try_from(sweeps).unwrap_or(u64::MAX)
        };
        Self {
            header: sweeps(config.header_timeout),
            idle: sweeps(config.idle_timeout),
            grace: sweeps(SHED_GRACE.min(config.header_timeout / 2)),
            connections: config.max_connections,
        }
    }
}

/// All connections; used by the accept loop alone, so it needs no lock.
#[derive(Debug)]
pub(super) struct Slots {
    limits: SlotLimits,
    sweeps: Arc<AtomicU64>,
    open: Vec<Arc<Slot>>,
}

impl Slots {
    pub(super) fn new(limits: SlotLimits) -> Self {
        Self {
            limits,
            sweeps: Arc::new(AtomicU64::new(0)),
            open: Vec::new(),
        }
    }

    /// A slot for a new connection, which owes its first header from now on.
    pub(super) fn open(&mut self) -> Arc<Slot> {
        // Those that are over are taken out at each sweep; between two, no more than this.
        if self.open.len() >= self.limits.connections.saturating_mul(2) {
            self.forget_closed();
        }
        let now = self.sweeps.load(Ordering::Relaxed);
        let slot = Arc::new(Slot {
            word: AtomicU64::new(pack(Phase::Head, now)),
            sweeps: Arc::clone(&self.sweeps),
            order: AtomicU8::new(0),
            ordered: Notify::new(),
            lingers: AtomicBool::new(false),
        });
        self.open.push(Arc::clone(&slot));
        slot
    }

    /// Lets time pass, and drops the connections whose time is over.
    pub(super) fn sweep(&mut self) {
        let now = self.sweeps.fetch_add(1, Ordering::Relaxed) + 1;
        for slot in &self.open {
            let seen = slot.word.load(Ordering::Relaxed);
            let (phase, since) = unpack(seen);
            let limit = match phase {
                Phase::Head => self.limits.header,
                Phase::Idle => self.limits.idle,
                Phase::Busy | Phase::Over => continue,
            };
            // The sweep a phase began at was under way already, so it does not count.
            if now.saturating_sub(since) > limit {
                slot.give_up(seen);
            }
        }
        self.forget_closed();
    }

    /// Drops the connection that can best be spared; false when every one is in use.
    ///
    /// That is the one idle longest, else the one that has been at its header longest and for
    /// more than a moment.
    pub(super) fn shed(&mut self) -> bool {
        let now = self.sweeps.load(Ordering::Relaxed);
        let mut spare: Vec<(u8, u64, u64, &Arc<Slot>)> = self
            .open
            .iter()
            .filter_map(|slot| {
                let seen = slot.word.load(Ordering::Relaxed);
                let (phase, since) = unpack(seen);
                let is_spare_head = now.saturating_sub(since) > self.limits.grace;
                match phase {
                    Phase::Idle => Some((0, since, seen, slot)),
                    Phase::Head if is_spare_head => Some((1, since, seen, slot)),
                    Phase::Head | Phase::Busy | Phase::Over => None,
                }
            })
            .collect();
        spare.sort_unstable_by_key(|&(rank, since, ..)| (rank, since));
        spare.iter().any(|(_, _, seen, slot)| slot.give_up(*seen))
    }

    /// Asks every connection to finish.
    pub(super) fn finish(&self) {
        self.open.iter().for_each(|slot| slot.order(Order::Finish));
    }

    /// Drops what is left, and tells how many that were.
    pub(super) fn drop_all(&mut self) -> usize {
        self.forget_closed();
        self.open.iter().for_each(|slot| slot.order(Order::Drop));
        self.open.len()
    }

    fn forget_closed(&mut self) {
        self.open.retain(|slot| slot.phase() != Phase::Over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots() -> Slots {
        Slots::new(SlotLimits {
            header: 4,
            idle: 8,
            grace: 1,
            connections: 3,
        })
    }

    fn sweep(slots: &mut Slots, times: usize) {
        (0..times).for_each(|_| slots.sweep());
    }

    fn is_over(slot: &Slot) -> bool {
        slot.phase() == Phase::Over
    }

    #[test]
    fn a_header_and_an_idle_connection_have_their_own_limits() {
        let mut slots = slots();
        let (slow, idle, busy) = (slots.open(), slots.open(), slots.open());
        idle.begin_request();
        idle.end_request(false);
        busy.begin_request();
        sweep(&mut slots, 4);
        assert!(!is_over(&slow));
        sweep(&mut slots, 1);
        assert!(is_over(&slow) && !is_over(&idle));
        sweep(&mut slots, 4);
        assert!(is_over(&idle) && !is_over(&busy));
        sweep(&mut slots, 100);
        assert!(!is_over(&busy));
        assert_eq!(slots.open.len(), 1);
    }

    #[test]
    fn a_trickle_of_header_bytes_does_not_buy_time() {
        let mut slots = slots();
        let slot = slots.open();
        for _ in 0..5 {
            slot.note_read();
            sweep(&mut slots, 1);
        }
        assert!(is_over(&slot));
    }

    #[test]
    fn the_first_byte_after_a_pause_starts_the_headers_time() {
        let mut slots = slots();
        let slot = slots.open();
        slot.begin_request();
        slot.end_request(false);
        sweep(&mut slots, 8);
        slot.note_read();
        sweep(&mut slots, 4);
        assert!(!is_over(&slot));
        sweep(&mut slots, 1);
        assert!(is_over(&slot));
    }

    #[test]
    fn an_answer_that_is_being_taken_is_not_idle() {
        let mut slots = slots();
        let slot = slots.open();
        slot.begin_request();
        slot.end_request(false);
        for _ in 0..20 {
            slot.note_write();
            sweep(&mut slots, 1);
        }
        assert!(!is_over(&slot));
    }

    #[test]
    fn the_longest_idle_makes_room_then_the_slowest_header() {
        let mut slots = slots();
        let (head, first, second) = (slots.open(), slots.open(), slots.open());
        first.begin_request();
        first.end_request(false);
        sweep(&mut slots, 2);
        second.begin_request();
        second.end_request(false);
        assert!(slots.shed() && is_over(&first));
        assert!(slots.shed() && is_over(&second));
        assert!(slots.shed() && is_over(&head));
        assert!(!slots.shed());
    }

    #[test]
    fn a_request_under_way_and_a_fresh_connection_are_not_shed() {
        let mut slots = slots();
        let (busy, _fresh) = (slots.open(), slots.open());
        busy.begin_request();
        assert!(!slots.shed());
    }

    #[test]
    fn what_is_over_does_not_come_back() {
        let mut slots = slots();
        let slot = slots.open();
        sweep(&mut slots, 5);
        slot.begin_request();
        slot.end_request(false);
        assert!(is_over(&slot));
    }

    #[test]
    fn closed_connections_do_not_pile_up() {
        let mut slots = slots();
        for _ in 0..1000 {
            slots.open().close();
            assert!(slots.open.len() <= 6);
        }
    }
}
