//! To which addresses no connection is made: the services of the machine that answer whoever asks from inside.

use hyper_util::client::legacy::connect::dns::Name;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The metadata services of clouds that are not link-local.
const METADATA: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
];

/// What an address is, if nothing is fetched from there.
pub(super) fn forbidden(address: IpAddr) -> Option<&'static str> {
    let address = address.to_canonical();
    if METADATA.contains(&address) {
        return Some("the metadata service of a cloud");
    }
    let link_local = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    if link_local {
        return Some("a link-local address, where clouds have their metadata service");
    }
    (address.is_unspecified() || address.is_multicast()).then_some("no address of a server")
}

/// A host whose addresses are all refused.
#[derive(Debug, thiserror::Error)]
#[error("it has the address {address}, {what}; `MLO_ALLOW_HOST={host}` allows it")]
pub(super) struct Refused {
    host: String,
    address: IpAddr,
    what: &'static str,
}

/// Looks names up once: connections go to the addresses that were looked at.
#[derive(Debug, Clone)]
pub(super) struct Resolver {
    allowed: Arc<[String]>,
    /// Whether it is a proxy's name, which the user chose.
    trusted: bool,
}

impl Resolver {
    pub(super) fn new(allowed: Arc<[String]>, trusted: bool) -> Self {
        Self { allowed, trusted }
    }
}

impl tower_service::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let host = name.as_str().to_owned();
        let open = self.trusted || self.allowed.contains(&host);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            if let Some(refused) = found.iter().filter(|_| !open).find_map(|found| refuse(&host, found.ip()))
            {
                return Err(refused.into());
            }
            Ok(found.into_iter())
        })
    }
}

fn refuse(host: &str, address: IpAddr) -> Option<Refused> {
    let own = address.to_canonical().is_loopback() && !crate::fetch::address::is_loopback(host);
    let what = forbidden(address).or(own.then_some("this machine"))?;
    Some(Refused { host: host.to_owned(), address, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_services_are_not_asked_however_they_are_written() {
        for (address, refused) in [
            ("169.254.169.254", true),
            ("169.254.1.1", true),
            ("::ffff:169.254.169.254", true),
            ("fe80::1", true),
            ("fd00:ec2::254", true),
            ("100.100.100.200", true),
            ("0.0.0.0", true),
            ("::", true),
            ("224.0.0.1", true),
            ("10.0.0.1", false),
            ("127.0.0.1", false),
            ("93.184.216.34", false),
        ] {
            assert_eq!(forbidden(address.parse().unwrap()).is_some(), refused, "{address}");
        }
        assert!(refuse("intranet.example", "127.0.0.1".parse().unwrap()).is_some());
        assert!(refuse("localhost", "127.0.0.1".parse().unwrap()).is_none());
        assert!(refuse("git.example", "10.0.0.1".parse().unwrap()).is_none());
    }
}
