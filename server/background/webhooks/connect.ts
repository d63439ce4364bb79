import { lookup as systemLookup, type LookupAddress, type LookupOptions } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { buildConnector } from 'undici'
import type { AddressRule } from '../../../core/webhook/address.ts'
import { addressIn } from '../../../core/webhook/url.ts'
import { AddressRefused } from './failure-words.ts'

/** Finds the addresses of a name; that of the system unless another one is given. */
export type Lookup = (
  hostname: string,
  options: LookupOptions & { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

const REFUSED = 'The address is private, of this machine, or otherwise one that nothing is sent to'

/**
 * Makes what opens connections to receivers: only to addresses that may receive, and looked at are those that it connects to, so
 * that a name which resolves to something else a moment later gains nothing (events.md §3).
 */
export function guardedConnector(rule: AddressRule, lookup: Lookup = systemLookup): buildConnector.connector {
  const connectors = new Map(['http:', 'https:'].map((protocol) => [protocol, connectorFor(protocol, rule, lookup)]))
  return (options, callback) => {
    const address = addressIn(options)
    const connect = connectors.get(options.protocol)
    const isRefused = address !== null && !rule.mayReceive(address, options.protocol)
    if (connect === undefined || isRefused) return callback(new AddressRefused(REFUSED), null)
    return connect(options, callback)
  }
}

function connectorFor(protocol: string, rule: AddressRule, lookup: Lookup): buildConnector.connector {
  const guarded: LookupFunction = (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, [])
      const addresses = found.filter(({ address }) => rule.mayReceive(address, protocol))
      const [first] = addresses
      if (first === undefined) return callback(new AddressRefused(REFUSED), [])
      return options.all === true ? callback(null, addresses) : callback(null, first.address, first.family)
    })
  }
  return buildConnector({ allowH2: false, lookup: guarded })
}
