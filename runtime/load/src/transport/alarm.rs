//! Waiting for sockets or for a point in time, whichever comes first. A selector's own time-out has a grain of a
//! millisecond, which is fifty requests of a load of 50,000 a second.

use mio::{Events, Poll, Token};
use std::io;
use std::time::Duration;

/// What the alarm's own event is called.
pub(super) const ALARM: Token = Token(usize::MAX);
/// A shorter wait than this is none: to go to sleep and be woken takes as long.
const WAIT_NS_MIN: u64 = 5_000;
/// Longer waits need no alarm.
const ALARM_NS_MAX: u64 = 20_000_000;

/// A selector that wakes up on time.
pub(super) struct Waiter {
    pub(super) poll: Poll,
    #[cfg(target_os = "linux")]
    timer: std::os::fd::OwnedFd,
    /// What the timer is set to.
    set_to: u64,
}

impl Waiter {
    pub(super) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        #[cfg(target_os = "linux")]
        let timer = {
            use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
            use std::os::fd::AsRawFd as _;
            let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
            let mut source = mio::unix::SourceFd(&timer.as_raw_fd());
            mio::event::Source::register(&mut source, poll.registry(), ALARM, mio::Interest::READABLE)?;
            timer
        };
        Ok(Self {
            poll,
            #[cfg(target_os = "linux")]
            timer,
            set_to: u64::MAX,
        })
    }

    /// Fills `events`, at `until` at the latest; now is `now`.
    pub(super) fn wait(&mut self, events: &mut Events, now: u64, until: u64) -> io::Result<()> {
        let wait = until.saturating_sub(now);
        let timeout = if wait < WAIT_NS_MIN {
            Duration::ZERO
        } else if wait < ALARM_NS_MAX {
            self.set(wait, until)?
        } else {
            Duration::from_nanos(wait)
        };
        match self.poll.poll(events, Some(timeout)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            other => other,
        }
    }

    /// Sets the timer; gives a time-out for the selector that comes after it.
    #[cfg(target_os = "linux")]
    fn set(&mut self, wait: u64, until: u64) -> io::Result<Duration> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        if self.set_to != until {
            let once = Timespec { tv_sec: 0, tv_nsec: 0 };
            let wait = i64::try_from(wait).expect("an alarm is short");
            let value = Timespec { tv_sec: wait / 1_000_000_000, tv_nsec: wait % 1_000_000_000 };
            let setting = Itimerspec { it_interval: once, it_value: value };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &setting)?;
            self.set_to = until;
        }
        Ok(Duration::from_nanos(2 * ALARM_NS_MAX))
    }

    #[cfg(not(target_os = "linux"))]
    fn set(&mut self, wait: u64, until: u64) -> io::Result<Duration> {
        self.set_to = until;
        Ok(Duration::from_nanos(wait))
    }
}
