//! Which addresses may be connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::policy::{Networks, PolicyError};

/// The checked form of [`Networks`].
#[derive(Clone, Debug)]
pub(crate) enum AddressRules {
    Public,
    Any,
    PublicAnd(Vec<IpNet>),
}

impl AddressRules {
    const MAX_NETWORKS: usize = 64;

    pub(crate) fn new(networks: &Networks) -> Result<Self, PolicyError> {
        match networks {
            Networks::Public => Ok(Self::Public),
            Networks::Any => Ok(Self::Any),
            Networks::PublicAnd(entries) if entries.len() > Self::MAX_NETWORKS => Err(PolicyError::Limit {
                name: "networks",
                problem: format!("{} entries; {} are allowed", entries.len(), Self::MAX_NETWORKS),
            }),
            Networks::PublicAnd(entries) => {
                let parse = |entry: &String| {
                    parse_network(entry).map_err(|problem| PolicyError::Network { entry: entry.clone(), problem })
                };
                entries.iter().map(parse).collect::<Result<_, _>>().map(Self::PublicAnd)
            }
        }
    }

    /// Whether to connect to `address`; else, what it is. IPv4 in any IPv6 clothing is judged by what is inside.
    pub(crate) fn admit(&self, address: IpAddr) -> Result<(), &'static str> {
        let address = address.to_canonical();
        if is_metadata(address) {
            return Err("the metadata service of a cloud provider");
        }
        match self {
            Self::Any => Ok(()),
            Self::PublicAnd(networks) if networks.iter().any(|n| n.contains(&address)) => Ok(()),
            Self::Public | Self::PublicAnd(_) => public(address),
        }
    }
}

/// A network in CIDR notation that says what its author means: no host bits, not everything, no IPv4 in disguise.
fn parse_network(entry: &str) -> Result<IpNet, String> {
    let network: IpNet =
        entry.parse().map_err(|_| "write a network such as `10.1.0.0/16` or `fd12::/16`".to_owned())?;
    if network.prefix_len() == 0 {
        return Err("this is every address; write networks = \"any\"".to_owned());
    }
    if network.trunc() != network {
        return Err(format!("bits are set behind the prefix; write `{}`", network.trunc()));
    }
    match network {
        IpNet::V6(v6) if v6.network().to_ipv4_mapped().is_some() => Err("write the IPv4 network itself".to_owned()),
        _ => Ok(network),
    }
}

/// Answers to anyone who asks, often with credentials. Refused whatever a policy says.
const METADATA_V4: [Ipv4Addr; 7] = [
    Ipv4Addr::new(169, 254, 169, 254), // AWS, Azure, Google, Oracle, DigitalOcean, OpenStack
    Ipv4Addr::new(169, 254, 170, 2),   // AWS ECS
    Ipv4Addr::new(169, 254, 170, 23),  // AWS EKS
    Ipv4Addr::new(169, 254, 0, 23),    // Tencent
    Ipv4Addr::new(100, 100, 100, 200), // Alibaba
    Ipv4Addr::new(168, 63, 129, 16),   // Azure's agent, at a public address
    Ipv4Addr::new(192, 0, 0, 192),     // Oracle, older
];
const METADATA_V6: [Ipv6Addr; 4] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),   // AWS
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),    // AWS EKS
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),    // Google
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe), // OpenStack
];

fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => METADATA_V4.contains(&v4),
        IpAddr::V6(v6) => METADATA_V6.contains(&v6) || embedded(v6).any(|v4| METADATA_V4.contains(&v4)),
    }
}

/// The IPv4 addresses that a translator or tunnel may read out of `address`.
fn embedded(address: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let o = address.octets();
    let at = |i: [usize; 4]| Ipv4Addr::new(o[i[0]], o[i[1]], o[i[2]], o[i[3]]);
    let last = at([12, 13, 14, 15]);
    let found: Vec<Ipv4Addr> = if NAT64.contains(&address) || COMPATIBLE.contains(&address) {
        vec![last]
    } else if NAT64_LOCAL.contains(&address) {
        // RFC 6052: where the address stands depends on the length of the operator's prefix.
        vec![at([6, 7, 9, 10]), at([7, 9, 10, 11]), at([9, 10, 11, 12]), last]
    } else if SIX_TO_FOUR.contains(&address) {
        vec![at([2, 3, 4, 5])]
    } else if TEREDO.contains(&address) {
        vec![at([4, 5, 6, 7]), Ipv4Addr::from_bits(!last.to_bits())]
    } else {
        Vec::new()
    };
    found.into_iter()
}

fn public(address: IpAddr) -> Result<(), &'static str> {
    match address {
        IpAddr::V4(v4) => public_v4(v4),
        IpAddr::V6(v6) => public_v6(v6),
    }
}

fn public_v4(address: Ipv4Addr) -> Result<(), &'static str> {
    match SPECIAL_V4.iter().find(|(network, _)| network.contains(&address)) {
        Some((_, what)) => Err(what),
        None => Ok(()),
    }
}

fn public_v6(address: Ipv6Addr) -> Result<(), &'static str> {
    // Where networks have IPv6 only, public IPv4 hosts are reached through this prefix.
    if NAT64.contains(&address) {
        return embedded(address).try_for_each(public_v4);
    }
    if let Some((_, what)) = SPECIAL_V6.iter().find(|(network, _)| network.contains(&address)) {
        return Err(what);
    }
    // Nothing else has been given out, so a range that is still to be defined is refused too.
    if GLOBAL_UNICAST.contains(&address) { Ok(()) } else { Err("not a global unicast address") }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(head: [u16; 3], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(head[0], head[1], head[2], 0, 0, 0, 0, 0), prefix)
}

/// The IANA registry of special-purpose addresses, but for what is reachable from everywhere.
const SPECIAL_V4: [(Ipv4Net, &str); 15] = [
    (v4(0, 0, 0, 0, 8), "an address of this machine"),
    (v4(10, 0, 0, 0, 8), "a private network"),
    (v4(100, 64, 0, 0, 10), "a carrier's shared network"),
    (v4(127, 0, 0, 0, 8), "a loopback address"),
    (v4(169, 254, 0, 0, 16), "a link-local address"),
    (v4(172, 16, 0, 0, 12), "a private network"),
    (v4(192, 0, 0, 0, 24), "an address for protocols"),
    (v4(192, 0, 2, 0, 24), "an address for documentation"),
    (v4(192, 88, 99, 0, 24), "a 6to4 relay"),
    (v4(192, 168, 0, 0, 16), "a private network"),
    (v4(198, 18, 0, 0, 15), "a network for benchmarks"),
    (v4(198, 51, 100, 0, 24), "an address for documentation"),
    (v4(203, 0, 113, 0, 24), "an address for documentation"),
    (v4(224, 0, 0, 0, 4), "a multicast address"),
    (v4(240, 0, 0, 0, 4), "a reserved or broadcast address"),
];

const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0], 96);
const NAT64_LOCAL: Ipv6Net = v6([0x64, 0xff9b, 1], 48);
const COMPATIBLE: Ipv6Net = v6([0, 0, 0], 96);
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0], 16);
const TEREDO: Ipv6Net = v6([0x2001, 0, 0], 32);
const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0], 3);

/// Named for the operator's sake where [`GLOBAL_UNICAST`] would refuse them anyway. The first that fits counts.
const SPECIAL_V6: [(Ipv6Net, &str); 16] = [
    (v6([0, 0, 0], 128), "an address of this machine"),
    (Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128), "a loopback address"),
    (COMPATIBLE, "an IPv4-compatible address"),
    (NAT64_LOCAL, "a local NAT64 prefix"),
    (v6([0x100, 0, 0], 64), "an address for discarding"),
    (TEREDO, "a Teredo tunnel"),
    (v6([0x2001, 0xdb8, 0], 32), "an address for documentation"),
    (v6([0x2001, 0, 0], 23), "an address for protocols"),
    (SIX_TO_FOUR, "a 6to4 tunnel"),
    (v6([0x3fff, 0, 0], 20), "an address for documentation"),
    (v6([0x5f00, 0, 0], 16), "a segment identifier"),
    (v6([0xfc00, 0, 0], 7), "a private network"),
    (v6([0xfe80, 0, 0], 10), "a link-local address"),
    (v6([0xfec0, 0, 0], 10), "a site-local address"),
    (v6([0xff00, 0, 0], 8), "a multicast address"),
    (v6([0x2620, 0x4f, 0x8000], 48), "an address that answers for private networks"),
];

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
