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
 * One spelling for each address: IPv4 also where it is dressed as IPv6 (`::ffff:192.0.2.1`), IPv6 in its short form, both
 * without the port or the zone that some proxies leave on.
 *
 * @returns null for what is no address. Zeros before a number are not accepted: some read them as octal.
 */
export function canonicalAddress(text: string | undefined): string | null {
  const bare = withoutZone(withoutPort((text ?? '').trim()))
  return isIP(bare) === 0 ? null : ipaddr.process(bare).toString()
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
