//! A runtime whose clock is wrong by some days: a zone is signed by it in another time. Only the
//! clock is used.

use std::{io, net::SocketAddr, pin::Pin, time::Duration};

use async_trait::async_trait;
use hickory_server::net::runtime::{RuntimeProvider, Time, TokioRuntimeProvider, TokioTime};

const DAY: u64 = 86_400;

#[derive(Clone)]
pub(super) struct DaysAway<const DAYS: i64>(TokioRuntimeProvider);

impl<const DAYS: i64> RuntimeProvider for DaysAway<DAYS> {
    type Handle = <TokioRuntimeProvider as RuntimeProvider>::Handle;
    type Timer = WrongClock<DAYS>;
    type Udp = <TokioRuntimeProvider as RuntimeProvider>::Udp;
    type Tcp = <TokioRuntimeProvider as RuntimeProvider>::Tcp;

    fn create_handle(&self) -> Self::Handle {
        self.0.create_handle()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        local: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Tcp>>>> {
        self.0.connect_tcp(server, local, timeout)
    }

    fn bind_udp(
        &self,
        local: SocketAddr,
        server: SocketAddr,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Udp>>>> {
        self.0.bind_udp(local, server)
    }
}

pub(super) struct WrongClock<const DAYS: i64>;

#[async_trait]
impl<const DAYS: i64> Time for WrongClock<DAYS> {
    async fn delay_for(duration: Duration) {
        TokioTime::delay_for(duration).await;
    }

    async fn timeout<F: 'static + Future + Send>(
        duration: Duration,
        future: F,
    ) -> io::Result<F::Output> {
        TokioTime::timeout(duration, future).await
    }

    fn current_time() -> u64 {
        let away = DAYS.unsigned_abs() * DAY;
        if DAYS < 0 {
            TokioTime::current_time() - away
        } else {
            TokioTime::current_time() + away
        }
    }
}
