import { BlockList, isIP, isIPv4 } from 'node:net'

/** Networks of addresses. */
export interface Networks {
  has(address: string): boolean
}

/**
 * Reads networks.
 *
 * @param cidrs addresses and CIDRs, such as `10.0.0.0/8`; what is neither is not in it.
 */
export function networksOf(cidrs: readonly string[]): Networks {
  const list = new BlockList()
  for (const cidr of cidrs) {
    const [address = '', prefix] = cidr.split('/')
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    if (isIP(address) === 0) continue
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return { has: (address) => list.check(withoutZone(address), isIPv4(address) ? 'ipv4' : 'ipv6') }
}

/** Which addresses messages may be sent to. */
export interface AddressRule {
  /** Whether an address lies in a network that the deployment allows, itself or the one of IPv4 inside of it. */
  isAllowed(address: string): boolean
  /** Whether messages may be sent there: with TLS to every address of the internet, without only where it is allowed. */
  mayReceive(address: string, protocol: string): boolean
}

/** @param allowedNetworks of the deployment, as {@link networksOf} takes them. */
export function addressRule(allowedNetworks: readonly string[]): AddressRule {
  const allowed = networksOf(allowedNetworks)
  const isAllowed = (address: string) => {
    const inside = embeddedIPv4(address)
    return allowed.has(address) || (inside !== null && allowed.has(inside))
  }
  return {
    isAllowed,
    mayReceive: (address, protocol) => isAllowed(address) || (protocol === 'https:' && isGloballyReachable(address)),
  }
}

/**
 * Whether an address is one of the internet: not private, of this machine or of this link, and none that IANA lists as not
 * globally reachable. An address of IPv6 that carries one of IPv4 (mapped, NAT64, 6to4) counts as that one.
 *
 * @param address as the system writes addresses; a zone makes it one of a link.
 */
export function isGloballyReachable(address: string): boolean {
  if (isIP(address) === 0 || address.includes('%')) return false
  const inside = embeddedIPv4(address)
  if (inside !== null) return isGloballyReachable(inside)
  if (REACHABLE.has(address)) return true
  if (UNREACHABLE.has(address)) return false
  return isIPv4(address) || GLOBAL_UNICAST.has(address)
}

// The special-purpose registries of IANA (RFC 6890): what is not globally reachable, and what is inside of that.
const UNREACHABLE = networksOf([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  // Many receivers (RFC 5771), and what nobody has.
  '224.0.0.0/4',
  '240.0.0.0/4',
  '2001::/23',
  '2001:db8::/32',
  '3fff::/20',
])
const REACHABLE = networksOf([
  '192.0.0.9',
  '192.0.0.10',
  '2001:1::1',
  '2001:1::2',
  '2001:1::3',
  '2001:3::/32',
  '2001:4:112::/48',
  '2001:20::/28',
  '2001:30::/28',
])
/** All addresses of IPv6 that are given out: what is outside is of a link, of a site, of many or of nobody. */
const GLOBAL_UNICAST = networksOf(['2000::/3'])

/** The address of IPv4 that messages to an address of IPv6 go to in the end; null: to none. */
function embeddedIPv4(address: string): string | null {
  if (isIPv4(address) || isIP(address) === 0) return null
  const words = wordsOf(withoutZone(address))
  const carrier = CARRIERS.find(({ prefix }) => prefix.every((word, index) => words[index] === word))
  if (carrier === undefined) return null
  const [high = 0, low = 0] = words.slice(carrier.at)
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** Prefixes, and where the address of IPv4 begins, in words of 16 bits. */
const CARRIERS: readonly { readonly prefix: readonly number[]; readonly at: number }[] = [
  // Mapped, `::ffff:0:0/96` (RFC 4291).
  { prefix: [0, 0, 0, 0, 0, 0xffff], at: 6 },
  // NAT64, `64:ff9b::/96` (RFC 6052).
  { prefix: [0x64, 0xff9b, 0, 0, 0, 0], at: 6 },
  // 6to4, `2002::/16` (RFC 3056).
  { prefix: [0x2002], at: 1 },
]

/** The eight words of an address of IPv6, in whatever form it is written. */
function wordsOf(address: string): number[] {
  // Without dotted numbers, and with `::` where words are left out.
  const normal = new URL(`http://[${address}]/`).hostname.slice(1, -1)
  const [before = [], after] = normal.split('::').map((part) => (part === '' ? [] : part.split(':')))
  const leftOut = after === undefined ? 0 : 8 - before.length - after.length
  return [...before, ...Array<string>(leftOut).fill('0'), ...(after ?? [])].map((word) => Number.parseInt(word, 16))
}

function withoutZone(address: string): string {
  return address.replace(/%.*$/, '')
}
