import { vi } from 'vitest'

/**
 * Looks again and again until a check passes. How long it may take says nothing about the code: on a machine that does much
 * else everything takes long. What never comes fails all the same.
 *
 * @returns what the check answers when it passes.
 */
export function eventually<T>(check: () => T | Promise<T>, interval = 10): Promise<T> {
  return vi.waitFor(check, { timeout: 60_000, interval })
}
