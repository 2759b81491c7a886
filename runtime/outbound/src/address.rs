//! Which addresses are whose.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far a name may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Any host of the internet.
    Public,
    /// The operator's own networks: private, loopback, shared (CGNAT) and reserved ranges.
    Private,
    /// What only an address can name, never a name: link-local addresses and with them the metadata of a cloud's
    /// machines, multicast, broadcast and the unspecified address.
    Never,
}

/// What only an address can name.
const NEVER: &[&str] = &[
    "0.0.0.0/8",
    "169.254.0.0/16",
    // The metadata of Azure's, Alibaba's and Oracle's machines.
    "168.63.129.16/32",
    "100.100.100.200/32",
    "192.0.0.192/32",
    "224.0.0.0/4",
    "255.255.255.255/32",
    "::/128",
    "fe80::/10",
    "ff00::/8",
    // The metadata of Amazon's and Google's machines.
    "fd00:ec2::/32",
    "fd20:ce::254/128",
];

/// What is not the internet.
const PRIVATE: &[&str] = &[
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
];

/// The part of IPv6 that the internet uses, and what of it is somebody's own.
const GLOBAL_V6: &str = "2000::/3";
const PRIVATE_V6: &[&str] = &["2001::/23", "2001:db8::/32", "3fff::/20"];

/// The lists, parsed.
pub(crate) struct Ranges {
    never: Vec<IpNet>,
    private: Vec<IpNet>,
    global_v6: IpNet,
}

impl Ranges {
    pub(crate) fn new() -> Self {
        let parse = |net: &&str| net.parse().expect("a constant is a network");
        Self {
            never: NEVER.iter().map(parse).collect(),
            private: PRIVATE.iter().chain(PRIVATE_V6).map(parse).collect(),
            global_v6: parse(&GLOBAL_V6),
        }
    }

    /// How far one must be allowed to reach for this address.
    pub(crate) fn reach(&self, ip: IpAddr) -> Reach {
        let ip = ip.to_canonical();
        if let Some(inner) = embedded(ip) {
            // It leads where the inner one does, and through somebody's gateway.
            return self.reach(inner.into()).max(if is_nat64(ip) { Reach::Public } else { Reach::Private });
        }
        let within = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&ip));
        if within(&self.never) {
            Reach::Never
        } else if within(&self.private) || ip.is_ipv6() && !self.global_v6.contains(&ip) {
            Reach::Private
        } else {
            Reach::Public
        }
    }
}

fn is_nat64(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0])
}

/// The address of IPv4 that one of IPv6 carries, where a gateway, a tunnel or an old notation would lead to it.
fn embedded(ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = ip else { return None };
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    let s = ip.segments();
    match s {
        _ if is_nat64(ip.into()) => Some(v4(s[6], s[7])),
        // Local NAT64, 6to4, and the "compatible" notation, which nobody should use any more.
        [0x64, 0xff9b, 1, ..] => Some(v4(s[6], s[7])),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        [0, 0, 0, 0, 0, 0, high, low] if ip != Ipv6Addr::LOCALHOST && high != 0 => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_somebodys() {
        use Reach::{Never, Private, Public};
        let ranges = Ranges::new();
        for (ip, reach) in [
            ("93.184.216.34", Public),
            ("1.1.1.1", Public),
            ("100.63.255.255", Public),
            ("172.32.0.1", Public),
            ("2606:4700::1111", Public),
            ("64:ff9b::1.1.1.1", Public),
            ("127.0.0.1", Private),
            ("127.255.255.254", Private),
            ("10.1.2.3", Private),
            ("172.16.0.1", Private),
            ("172.31.255.255", Private),
            ("192.168.0.1", Private),
            ("100.64.0.1", Private),
            ("100.127.255.255", Private),
            ("198.18.0.1", Private),
            ("240.0.0.1", Private),
            ("::1", Private),
            ("fc00::1", Private),
            ("fd12:3456::1", Private),
            ("2001:db8::1", Private),
            ("2001::1", Private),
            ("2002:101:101::", Private),
            ("::ffff:10.0.0.1", Private),
            ("::10.0.0.1", Private),
            ("64:ff9b::10.0.0.1", Private),
            ("64:ff9b:1::1.1.1.1", Private),
            ("2002:a00:1::", Private),
            ("0.0.0.0", Never),
            ("0.1.2.3", Never),
            ("::", Never),
            ("169.254.169.254", Never),
            ("::ffff:169.254.169.254", Never),
            ("64:ff9b::169.254.169.254", Never),
            ("2002:a9fe:a9fe::", Never),
            ("169.254.170.2", Never),
            ("168.63.129.16", Never),
            ("100.100.100.200", Never),
            ("192.0.0.192", Never),
            ("fd00:ec2::254", Never),
            ("fe80::1", Never),
            ("224.0.0.1", Never),
            ("239.255.255.250", Never),
            ("255.255.255.255", Never),
            ("ff02::1", Never),
        ] {
            assert_eq!(ranges.reach(ip.parse().unwrap()), reach, "{ip}");
        }
    }
}
