import { isIP, isIPv4 } from 'node:net'
import type { FastifyRequest } from 'fastify'
import ipaddr from 'ipaddr.js'

/**
 * Where a request comes from: first whoever is connected and then, as far as each is trusted, for whom they speak
 * (`TRUST_PROXY`). What a stranger claims in `X-Forwarded-For` is not among them.
 *
 * @returns each as {@link canonicalAddress} writes it; null for what is no address.
 */
export function clientAddresses({ ip, ips }: Pick<FastifyRequest, 'ip' | 'ips'>): (string | null)[] {
  return (ips ?? [ip]).map(canonicalAddress)
}

/**
 * One spelling for each address: IPv4 also where IPv6 carries it (`::ffff:192.0.2.1`, and the addresses of NAT64, 6to4 and
 * Teredo), IPv6 in its short form, both without the port or the zone that some proxies leave on.
 *
 * @returns null for what is no address. Zeros before a number are not accepted: some read them as octal.
 */
export function canonicalAddress(text: string | undefined): string | null {
  const bare = withoutZone(withoutPort((text ?? '').trim()))
  if (isIP(bare) === 0) return null
  const address = ipaddr.process(bare)
  return (address.kind() === 'ipv6' ? carriedIPv4(address.toByteArray()) : null) ?? address.toString()
}

/**
 * The network of an address: of IPv6 the first 64 bits, because whoever has one address there has all of them (rest-v1
 * §2.4); of IPv4 the address.
 *
 * @param address as {@link canonicalAddress} writes it.
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const network = ipaddr.parse(address).toByteArray().slice(0, 8)
  return `${ipaddr.fromByteArray([...network, 0, 0, 0, 0, 0, 0, 0, 0]).toString()}/64`
}

/** The address of IPv4 inside of one of IPv6, of whoever sent the packets; null: it carries none. */
function carriedIPv4(bytes: readonly number[]): string | null {
  if (startsWith(bytes, NAT64) || (startsWith(bytes, IPV4_COMPATIBLE) && bytes[12] !== 0))
    return bytes.slice(12).join('.')
  if (startsWith(bytes, SIX_TO_FOUR)) return bytes.slice(2, 6).join('.')
  if (startsWith(bytes, TEREDO)) return Array.from(bytes.slice(12), (byte) => byte ^ 0xff).join('.')
  return null
}

/** `64:ff9b::/96`, RFC 6052. */
const NAT64 = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]
/** `::/96`, RFC 4291; what begins with four zeros more are addresses of another kind, such as `::1`. */
const IPV4_COMPATIBLE = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
/** `2002::/16`, RFC 3056. */
const SIX_TO_FOUR = [0x20, 0x02]
/** `2001::/32`, RFC 4380: the bits are inverted. */
const TEREDO = [0x20, 0x01, 0, 0]

function startsWith(bytes: readonly number[], prefix: readonly number[]): boolean {
  return prefix.every((byte, index) => bytes[index] === byte)
}

function withoutPort(text: string): string {
  const [, bracketed] = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text) ?? []
  if (bracketed !== undefined) return bracketed
  const [, address = '', port] = /^([^:]*):(\d{1,5})$/.exec(text) ?? []
  return port !== undefined && isIPv4(address) ? address : text
}

function withoutZone(text: string): string {
  return text.replace(/%.*$/, '')
}
