import { setTimeout as sleep } from 'node:timers/promises'
import { networkOf } from './rest/checks/client-address.ts'

/** Waits before credentials that were found wrong are answered. */
export type WrongCredentials = (address: string | null) => Promise<void>

/** Nobody waits. */
export const unlimited: WrongCredentials = async () => {}

/**
 * Slows down whoever tries keys or tokens: after {@link FREE} wrong ones of a network within a minute the answer to each
 * further one is held back, for twice as long as the one before, up to a second. Credentials are looked at first, and right
 * ones never wait: nobody can lock out others who come from the same network.
 */
export function slowDown(clock: () => number = () => performance.now()): WrongCredentials {
  const networks = new Map<string, Failures>()
  let held = 0
  return async (address) => {
    const failures = failuresOf(networks, address === null ? '' : networkOf(address), clock())
    failures.count += 1
    const beyond = failures.count - FREE
    // What is held back takes memory: it is bounded, and a secret is too long to be found at any speed.
    if (beyond <= 0 || held >= MAX_HELD) return
    held += 1
    try {
      await sleep(Math.min(LONGEST_MS, SHORTEST_MS * 2 ** Math.min(beyond - 1, 10)))
    } finally {
      held -= 1
    }
  }
}

/** Wrong credentials of a network within a minute that are answered at once. */
export const FREE = 20
const SHORTEST_MS = 50
const LONGEST_MS = 1_000
const WINDOW_MS = 60_000
const MAX_HELD = 1_000
const MAX_NETWORKS = 10_000

interface Failures {
  readonly since: number
  count: number
}

function failuresOf(networks: Map<string, Failures>, network: string, now: number): Failures {
  const known = networks.get(network)
  if (known !== undefined && now - known.since < WINDOW_MS) return known
  const fresh = { since: now, count: 0 }
  networks.delete(network)
  networks.set(network, fresh)
  const [oldest] = networks.keys()
  if (networks.size > MAX_NETWORKS && oldest !== undefined) networks.delete(oldest)
  return fresh
}
