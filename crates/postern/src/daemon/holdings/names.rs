//! A resolver that can be exchanged under those who hold it.

use std::{
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;
use postern_dns::{Addresses, Answer, Caa, Dns, LookupError, Mx, Name, Resolver, Tlsa};

/// The resolver in force, for what outlives a configuration. A look-up keeps the one that it
/// began with.
#[derive(Debug)]
pub(crate) struct CurrentDns(RwLock<Arc<Resolver>>);

impl CurrentDns {
    pub(crate) fn new(resolver: Arc<Resolver>) -> Self {
        Self(RwLock::new(resolver))
    }

    pub(crate) fn current(&self) -> Arc<Resolver> {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    pub(crate) fn replace(&self, resolver: Arc<Resolver>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = resolver;
    }
}

#[async_trait]
impl Dns for CurrentDns {
    async fn mx(&self, name: &Name) -> Result<Answer<Mx>, LookupError> {
        self.current().mx(name).await
    }

    async fn addresses(&self, name: &Name) -> Addresses {
        self.current().addresses(name).await
    }

    async fn txt(&self, name: &Name) -> Result<Answer<Vec<u8>>, LookupError> {
        self.current().txt(name).await
    }

    async fn tlsa(&self, name: &Name) -> Result<Answer<Tlsa>, LookupError> {
        self.current().tlsa(name).await
    }

    async fn ptr(&self, address: IpAddr) -> Result<Answer<Name>, LookupError> {
        self.current().ptr(address).await
    }

    async fn caa(&self, name: &Name) -> Result<Answer<Caa>, LookupError> {
        self.current().caa(name).await
    }
}
