import { isIP } from 'node:net'
import { EnrollmentError, failure } from '../errors.ts'
import { isStorableText } from '../text.ts'
import type { AddressRule } from './address.ts'

/** Characters of the longest URL of an endpoint. */
export const MAX_URL_LENGTH = 2_048

/**
 * Checks the URL of an endpoint as far as that goes without asking for its name: a name is checked on the address that it
 * resolves to, whenever something is sent (events.md §3).
 *
 * @param isAnyAllowed whether the deployment allows any network: elsewhere a URL without TLS is never sent to.
 * @returns the URL in its normal form: odd spellings of an address, and names outside of ASCII, are written plainly.
 * @throws {EnrollmentError} `webhookUrlRefused`
 */
export function endpointUrl(text: string, rule: AddressRule, { isAnyAllowed }: { isAnyAllowed: boolean }): string {
  const url = URL.parse(text)
  const problem = url === null ? 'it is no URL such as https://example.org/hook' : problemOf(url, rule, isAnyAllowed)
  if (problem !== null || url === null || !isStorableText(text)) {
    throw new EnrollmentError(failure('webhookUrlRefused', { because: problem ?? 'it has characters that no URL has' }))
  }
  return url.href
}

function problemOf(url: URL, rule: AddressRule, isAnyAllowed: boolean): string | null {
  const { protocol, username, password, hash, href } = url
  if (protocol !== 'https:' && protocol !== 'http:') return 'it does not begin with https://'
  if (username !== '' || password !== '') return 'it has a user or a password'
  if (hash !== '') return 'it has a fragment, which is never sent'
  if (href.length > MAX_URL_LENGTH) return `it is longer than ${MAX_URL_LENGTH} characters`
  const address = addressIn(url)
  if (address !== null && !rule.isAllowed(address) && !rule.mayReceive(address, 'https:')) {
    return 'its address is private, of this machine, or otherwise not one of the internet'
  }
  const mayBeAllowed = address === null ? isAnyAllowed : rule.isAllowed(address)
  return protocol === 'http:' && !mayBeAllowed ? 'it does not begin with https://' : null
}

/** The address that a URL is written with; null: a name. */
export function addressIn({ hostname }: Pick<URL, 'hostname'>): string | null {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  return isIP(bare) === 0 ? null : bare
}
