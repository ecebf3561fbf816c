import { BlockList, isIP } from "node:net";

/** What is not for the public Internet, of the registries of special-purpose addresses that IANA keeps (RFC 6890). */
const special4 = [
  "0.0.0.0/8", // this host; connecting to 0.0.0.0 reaches the machine itself
  "10.0.0.0/8", // private
  "100.64.0.0/10", // carriers' shared address space; a metadata service of one cloud is in it
  "127.0.0.0/8", // loopback
  "168.63.129.16/32", // a cloud's host agent, though its address looks public
  "169.254.0.0/16", // link-local; metadata services
  "172.16.0.0/12", // private
  "192.0.0.0/24", // protocol assignments; a metadata service of one cloud is in it
  "192.0.2.0/24", // documentation
  "192.88.99.0/24", // relays of 6to4
  "192.168.0.0/16", // private
  "198.18.0.0/15", // benchmarks
  "198.51.100.0/24", // documentation
  "203.0.113.0/24", // documentation
  "224.0.0.0/4", // multicast
  "240.0.0.0/4", // reserved, and the broadcast address
];

/**
 * Only 2000::/3 is given out for the public Internet. What lies around it needs no list of its own: loopback,
 * unspecified, IPv4-mapped and -compatible, NAT64, unique local, link-local, site-local, multicast.
 */
const special6 = [
  "::/3",
  "4000::/2",
  "8000::/1",
  "2001::/23", // protocol assignments, among them Teredo, which holds an IPv4 address
  "2001:db8::/32", // documentation
  "2002::/16", // 6to4, which holds an IPv4 address
  "3fff::/20", // documentation
];

const blockListOf = (subnets: readonly string[], family: "ipv4" | "ipv6"): BlockList => {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network = "", prefix] = subnet.split("/");
    list.addSubnet(network, Number(prefix), family);
  }
  return list;
};

/** Apart, because an IPv4 address counts as an IPv4-mapped one where it meets a subnet of IPv6, and lies in ::/3. */
const closed4 = blockListOf(special4, "ipv4");
const closed6 = blockListOf(special6, "ipv6");

/** Whether an address, as a resolver writes it, is one of the public Internet. What is no address is not. */
export const isPublicAddress = (address: string): boolean => {
  const family = isIP(address);
  // A zone (fe80::1%eth0) is a name on this machine: no public address has one.
  if (family === 0 || address.includes("%")) return false;
  return family === 4 ? !closed4.check(address, "ipv4") : !closed6.check(address, "ipv6");
};
