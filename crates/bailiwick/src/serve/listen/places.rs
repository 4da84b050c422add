//! Who is connected: so many in all, so many of one peer. Whoever only idles makes room for others.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Instant,
};

use tokio_util::sync::CancellationToken;

/// The places that there are.
#[derive(Debug)]
pub(super) struct Places {
    all: usize,
    each: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    count: usize,
    peers: HashMap<Option<IpAddr>, BTreeMap<u64, Arc<Guest>>>,
}

/// Stands for the requests of somebody whose place was given away: none begins any more.
const GONE: usize = usize::MAX;

/// How many of those who seem to idle are asked to leave before nobody is.
const TRIES: usize = 8;

/// Whoever has a place.
#[derive(Debug)]
pub(super) struct Guest {
    since: Instant,
    /// How many requests are under way, or [`GONE`].
    requests: AtomicUsize,
    /// When its last request was over, in milliseconds since it came.
    idle: AtomicU64,
    leave: CancellationToken,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    peer: Option<IpAddr>,
    number: u64,
    pub(super) guest: Arc<Guest>,
}

/// A request that is under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Busy(Arc<Guest>);

impl Places {
    /// Makes `all` places, `each` for one peer at most.
    pub(super) fn new(all: usize, each: usize) -> Arc<Self> {
        Arc::new(Self { all, each, open: Mutex::default() })
    }

    /// Takes a place for `peer`. Where there is none left, whoever of the same peer, or of the
    /// peer with the most places, has idled longest is asked to leave; where nobody idles, there
    /// is none.
    pub(super) fn enter(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<Place> {
        let peer = peer.map(network);
        let mut open = self.lock();
        if self.each <= open.peers.get(&peer).map_or(0, BTreeMap::len) {
            open.ask_one_to_leave(peer)?;
        }
        if self.all <= open.count {
            open.make_room()?;
        }
        let number = open.next;
        open.next = number.saturating_add(1);
        open.count = open.count.saturating_add(1);
        let guest = Arc::new(Guest {
            since: Instant::now(),
            requests: AtomicUsize::new(0),
            idle: AtomicU64::new(0),
            leave: CancellationToken::new(),
        });
        open.peers.entry(peer).or_default().insert(number, Arc::clone(&guest));
        Some(Place { places: Arc::clone(self), peer, number, guest })
    }

    /// Has somebody who idles leave, where the system has no more descriptors.
    pub(super) fn make_room(&self) {
        let _none_idles = self.lock().make_room();
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Asks one to leave: of the peer with the most places, or else of any.
    fn make_room(&mut self) -> Option<()> {
        let most = self.peers.iter().max_by_key(|(_, guests)| guests.len());
        let most = most.map(|(peer, _)| *peer)?;
        if self.ask_one_to_leave(most).is_some() {
            return Some(());
        }
        let peers: Vec<_> = self.peers.keys().copied().collect();
        peers.into_iter().find_map(|it| self.ask_one_to_leave(it))
    }

    /// Asks the one of `peer` who has idled longest. Its place is free at once.
    fn ask_one_to_leave(&mut self, peer: Option<IpAddr>) -> Option<()> {
        // Whoever begins a request just now stays, and another one is looked for.
        for _ in 0..TRIES {
            let guests = self.peers.get(&peer)?.iter();
            let idle = guests.filter_map(|(number, it)| Some((it.idle_since()?, *number, it)));
            let (_, number, longest) = idle.min_by_key(|(since, number, _)| (*since, *number))?;
            if longest.give_up() {
                self.remove(peer, number)?.leave.cancel();
                return Some(());
            }
        }
        None
    }

    fn remove(&mut self, peer: Option<IpAddr>, number: u64) -> Option<Arc<Guest>> {
        let guests = self.peers.get_mut(&peer)?;
        let guest = guests.remove(&number)?;
        if guests.is_empty() {
            self.peers.remove(&peer);
        }
        self.count = self.count.saturating_sub(1);
        Some(guest)
    }
}

impl Guest {
    /// Takes note of a request. None begins once the place was given away, or whoever is asked to
    /// leave could stay beside the one that came for it.
    pub(super) fn begin(self: &Arc<Self>) -> Option<Busy> {
        let more = |it: usize| it.checked_add(1).filter(|it| *it < GONE);
        self.requests.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Busy(Arc::clone(self)))
    }

    pub(super) fn is_busy(&self) -> bool {
        !matches!(self.requests.load(Ordering::Acquire), 0 | GONE)
    }

    /// Gives the place up, unless something is asked.
    fn give_up(&self) -> bool {
        let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
        self.requests.compare_exchange(0, GONE, success, failure).is_ok()
    }

    /// Waits until it is asked to leave.
    pub(super) async fn leave(&self) {
        self.leave.cancelled().await;
    }

    /// Says since when nothing was asked; none while something is.
    fn idle_since(&self) -> Option<Instant> {
        let idle = std::time::Duration::from_millis(self.idle.load(Ordering::Acquire));
        if self.is_busy() { None } else { self.since.checked_add(idle) }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let idle = u64::try_from(self.0.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.idle.store(idle, Ordering::Release);
        self.0.requests.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Whoever was asked to leave gave its place up before.
        drop(self.places.lock().remove(self.peer, self.number));
    }
}

/// Gives whom an address stands for: whoever has one address of IPv6 has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    const NETWORK: u128 = !((1 << 64) - 1);
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(it) => match it.to_ipv4_mapped() {
            Some(it) => IpAddr::V4(it),
            None => IpAddr::V6((u128::from(it) & NETWORK).into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn enter(places: &Arc<Places>, number: u8) -> Option<Place> {
        places.enter(Some(IpAddr::from([10, 0, 0, number])))
    }

    fn was_asked(place: &Place) -> bool {
        place.guest.leave.is_cancelled()
    }

    #[test]
    fn one_peer_takes_its_own_places_and_nobody_elses() {
        let places = Places::new(10, 3);
        let quiet = enter(&places, 1).unwrap();
        let loud: Vec<_> = (0..20).map(|_| enter(&places, 2).unwrap()).collect();
        assert_eq!(loud.iter().filter(|it| !was_asked(it)).count(), 3);
        assert!(loud.iter().rev().take(3).all(|it| !was_asked(it)), "the longest idle ones left");
        assert!(!was_asked(&quiet));
    }

    #[test]
    fn nobody_at_work_is_asked_to_leave() {
        let places = Places::new(4, 4);
        let (one, two) = (enter(&places, 1).unwrap(), enter(&places, 1).unwrap());
        let busy = one.guest.begin().unwrap();
        let _more = [enter(&places, 1), enter(&places, 1), enter(&places, 2)];
        assert!(was_asked(&two) && !was_asked(&one));
        assert!(two.guest.begin().is_none(), "a request begins where the place is somebody else's");
        drop(busy);
        let places = Places::new(4, 4);
        let all: Vec<_> = (0..4).filter_map(|_| enter(&places, 3)).collect();
        let _work: Vec<_> = all.iter().map(|it| it.guest.begin().unwrap()).collect();
        assert!(enter(&places, 3).is_none() && enter(&places, 4).is_none());
    }

    #[test]
    fn a_network_of_ipv6_is_one_peer() {
        let of = |it: &str| network(it.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }

    proptest! {
        #[test]
        fn there_are_never_more_than_places(comings in proptest::collection::vec((0_u8..5, any::<bool>(), any::<bool>(), any::<bool>()), 0..200)) {
            let places = Places::new(7, 3);
            let mut here = Vec::new();
            for (who, works, one_goes, all_ask) in comings {
                if one_goes && !here.is_empty() {
                    here.swap_remove(0);
                }
                if let Some(place) = enter(&places, who) {
                    let work = if works { place.guest.begin() } else { None };
                    here.push((work, place));
                }
                // Whoever has its place still asks for something, or everybody does.
                let asks = |(work, place): &mut (Option<Busy>, Place)| {
                    *work = place.guest.begin();
                    work.is_some()
                };
                let served = if all_ask { here.iter_mut().filter_map(|it| asks(it).then_some(())).count() } else { 0 };
                prop_assert!(served <= 7);
                let open = places.lock();
                prop_assert!(open.count <= 7);
                prop_assert_eq!(open.count, open.peers.values().map(BTreeMap::len).sum::<usize>());
                prop_assert!(open.peers.values().all(|it| (1..=3).contains(&it.len())));
            }
            here.clear();
            prop_assert_eq!(places.lock().count, 0);
        }
    }
}
