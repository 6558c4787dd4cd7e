use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn only(networks: &[&str]) -> AddressRules {
    AddressRules::new(&Networks::PublicAnd(networks.iter().map(ToString::to_string).collect())).unwrap()
}

/// First and last address of every range that is not reachable from everywhere, and whether the addresses right before
/// and after it are public.
const RANGES_V4: [(&str, &str, bool, bool); 19] = [
    ("0.0.0.0", "0.255.255.255", false, true),
    ("10.0.0.0", "10.255.255.255", true, true),
    ("100.64.0.0", "100.127.255.255", true, true),
    ("127.0.0.0", "127.255.255.255", true, true),
    ("169.254.0.0", "169.254.255.255", true, true),
    ("172.16.0.0", "172.31.255.255", true, true),
    ("192.0.0.0", "192.0.0.255", true, true),
    ("192.0.2.0", "192.0.2.255", true, true),
    ("192.88.99.0", "192.88.99.255", true, true),
    ("192.168.0.0", "192.168.255.255", true, true),
    ("198.18.0.0", "198.19.255.255", true, true),
    ("198.51.100.0", "198.51.100.255", true, true),
    ("203.0.113.0", "203.0.113.255", true, true),
    ("224.0.0.0", "239.255.255.255", true, false),
    ("240.0.0.0", "255.255.255.254", false, false),
    ("255.255.255.255", "255.255.255.255", false, false),
    ("169.254.169.254", "169.254.169.254", false, false),
    ("100.100.100.200", "100.100.100.200", false, false),
    ("168.63.129.16", "168.63.129.16", true, true),
];

#[test]
fn special_ranges_of_ipv4_are_refused_to_their_edges_in_every_clothing() {
    for (first, last, public_before, public_after) in RANGES_V4 {
        let (first, last): (Ipv4Addr, Ipv4Addr) = (first.parse().unwrap(), last.parse().unwrap());
        for address in [first, last, Ipv4Addr::from_bits(u32::midpoint(first.to_bits(), last.to_bits()))] {
            let octets = address.octets();
            let nat64 = Ipv6Addr::from_bits(ip_bits("64:ff9b::") | u128::from(address.to_bits()));
            let compatible = Ipv6Addr::from_bits(u128::from(address.to_bits()));
            let six_to_four = format!("2002:{:02x}{:02x}:{:02x}{:02x}::1", octets[0], octets[1], octets[2], octets[3]);
            for clothed in [
                IpAddr::from(address),
                address.to_ipv6_mapped().into(),
                nat64.into(),
                compatible.into(),
                ip(&six_to_four),
            ] {
                assert!(AddressRules::Public.admit(clothed).is_err(), "{clothed} ({address})");
            }
        }
        let neighbours =
            [(first.to_bits().checked_sub(1), public_before), (last.to_bits().checked_add(1), public_after)];
        for (bits, public) in neighbours {
            let Some(address) = bits.map(Ipv4Addr::from_bits) else { continue };
            assert_eq!(AddressRules::Public.admit(address.into()).is_ok(), public, "{address}");
            assert_eq!(AddressRules::Public.admit(address.to_ipv6_mapped().into()).is_ok(), public, "mapped {address}");
        }
    }
}

fn ip_bits(text: &str) -> u128 {
    text.parse::<Ipv6Addr>().unwrap().to_bits()
}

#[test]
fn special_ranges_of_ipv6_are_refused_to_their_edges() {
    for (first, last) in [
        ("::", "::"),
        ("::1", "::1"),
        ("::2", "::ffff:ffff"),
        ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
        ("100::", "100::ffff:ffff:ffff:ffff"),
        ("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        // Not given out by anybody.
        ("1::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ] {
        let (first, last) = (ip_bits(first), ip_bits(last));
        for bits in [first, last, u128::midpoint(first, last)] {
            let address = Ipv6Addr::from_bits(bits);
            assert!(AddressRules::Public.admit(address.into()).is_err(), "{address}");
        }
    }
}

#[test]
fn public_addresses_are_admitted() {
    for address in [
        "1.1.1.1",
        "9.255.255.255",
        "93.184.215.14",
        "223.255.255.255",
        "::ffff:93.184.215.14",
        "64:ff9b::93.184.215.14",
        "2001:200::",
        "2001:4860:4860::8888",
        "2606:4700::1111",
        "2a00:1450:4001:830::200e",
        "2000::1",
        "3ffe:ffff::1",
    ] {
        assert_eq!(AddressRules::Public.admit(ip(address)), Ok(()), "{address}");
    }
}

#[test]
fn metadata_services_are_refused_whatever_the_policy_says() {
    let everything = only(&[
        "0.0.0.0/1",
        "128.0.0.0/1",
        "::/1",
        "8000::/1",
        "169.254.169.254/32",
        "fd00:ec2::254/128",
        "100.100.100.200/32",
    ]);
    for address in [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "169.254.0.23",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fe80::a9fe:a9fe",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "64:ff9b:1:a9fe:a9:fe00::",
        "64:ff9b:1:a9:fe:a9fe::",
        "64:ff9b:1:0:a9:fea9:fe00:0",
        "2002:a9fe:a9fe::1",
        "2001:0:a9fe:a9fe::1",
        "2001:0:1:2:3:4:5601:5601",
    ] {
        for rules in [&AddressRules::Public, &AddressRules::Any, &everything] {
            let verdict = rules.admit(ip(address));
            assert_eq!(verdict, Err("the metadata service of a cloud provider"), "{address} under {rules:?}");
        }
    }
}

#[test]
fn networks_admit_what_they_name_and_nothing_beside() {
    let rules = only(&["127.0.0.0/8", "10.1.0.0/16", "fd12:3456::/32"]);
    for address in ["127.0.0.1", "::ffff:127.9.9.9", "10.1.255.255", "fd12:3456:ffff::1", "1.1.1.1", "2606:4700::1"] {
        assert_eq!(rules.admit(ip(address)), Ok(()), "{address}");
    }
    for address in ["10.0.255.255", "10.2.0.0", "192.168.0.1", "fd12:3457::", "::1", "64:ff9b::10.1.0.1", "::10.1.0.1"]
    {
        assert!(rules.admit(ip(address)).is_err(), "{address}");
    }
    for address in ["127.0.0.1", "::1", "10.0.0.1", "fe80::1", "0.0.0.0", "64:ff9b::10.1.0.1"] {
        assert_eq!(AddressRules::Any.admit(ip(address)), Ok(()), "{address}");
    }
}

#[test]
fn networks_are_written_as_they_are_meant() {
    for (entry, advice) in [
        ("10.1.2.3/8", "write `10.0.0.0/8`"),
        ("0.0.0.0/0", "networks = \"any\""),
        ("::/0", "networks = \"any\""),
        ("::ffff:10.0.0.0/104", "write the IPv4 network itself"),
        ("10.0.0.1", "write a network"),
        ("10.0.0.0/33", "write a network"),
        ("private", "write a network"),
        ("", "write a network"),
    ] {
        let error = AddressRules::new(&Networks::PublicAnd(vec![entry.to_owned()])).unwrap_err();
        assert!(error.to_string().contains(advice) && error.to_string().contains(entry), "{error}");
    }
    let many = Networks::PublicAnd(vec!["10.0.0.0/8".to_owned(); 65]);
    assert!(matches!(AddressRules::new(&many), Err(PolicyError::Limit { name: "networks", .. })));
}
