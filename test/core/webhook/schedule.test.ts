import { describe, expect, test } from 'vitest'
import {
  afterAttempt,
  FAILING_LIMIT_MS,
  hasFailedTooLong,
  RETRY_DELAYS_MS,
  retryAfterMs,
  withJitter,
  type Answer,
} from '../../../core/webhook/schedule.ts'

const NOW = new Date('2026-03-04T05:06:07Z')
const MINUTE = 60_000
const HOUR = 60 * MINUTE

function answered(status: number, retryAfter: string | null = null): Answer {
  return { kind: 'answered', status, retryAfter }
}

function after(answer: Answer, { attempts = 0, waits = 0, random = 0.75 } = {}) {
  return afterAttempt(answer, { attempts, waits, now: NOW, random })
}

/** Milliseconds until the next attempt. */
function delayOf(result: { nextAttemptAt: Date | null }): number | null {
  return result.nextAttemptAt === null ? null : result.nextAttemptAt.getTime() - NOW.getTime()
}

describe('after an attempt', () => {
  test.each([200, 201, 202, 204, 299])('%i is delivered', (status) => {
    expect(after(answered(status))).toEqual({
      state: 'delivered',
      nextAttemptAt: null,
      isWait: false,
      error: null,
      isGone: false,
    })
  })

  test('410 says that the endpoint is gone', () => {
    expect(after(answered(410))).toMatchObject({ state: 'dead', isGone: true, nextAttemptAt: null })
  })

  test.each([100, 300, 301, 302, 307, 308, 400, 401, 404, 409, 422, 429, 500, 502, 503, 504])(
    '%i without Retry-After is tried again',
    (status) => {
      expect(after(answered(status))).toMatchObject({ state: 'pending', isWait: false, isGone: false })
    },
  )

  test('no answer is tried again, and its reason is kept', () => {
    const result = after({ kind: 'failed', error: 'The connection was refused' })
    expect(result).toMatchObject({ state: 'pending', error: 'The connection was refused' })
  })

  test('a redirect is named as one', () => {
    expect(after(answered(302)).error).toBe('Answered 302: redirects are not followed')
  })

  test('the schedule is that of the contract', () => {
    const expected = [5_000, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR]
    expect(RETRY_DELAYS_MS).toEqual(expected)
    for (const [attempts, delay] of expected.entries()) {
      const waited = delayOf(after(answered(500), { attempts })) ?? 0
      expect(Math.abs(waited / delay - 1)).toBeGreaterThanOrEqual(0.1 - 1e-6)
      expect(Math.abs(waited / delay - 1)).toBeLessThanOrEqual(0.25 + 1e-6)
    }
  })

  test('the eighth attempt is the last', () => {
    expect(after(answered(500), { attempts: 6 }).state).toBe('pending')
    expect(after(answered(500), { attempts: 7 })).toMatchObject({ state: 'dead', nextAttemptAt: null })
  })

  test.each([429, 503])('%i waits exactly as long as it asks for', (status) => {
    expect(delayOf(after(answered(status, '120')))).toBe(120_000)
    expect(after(answered(status, '120'))).toMatchObject({ state: 'pending', isWait: true })
  })

  test('waiting does not use up the schedule', () => {
    expect(after(answered(503, '1'), { attempts: 20, waits: 20 })).toMatchObject({ state: 'pending', isWait: true })
    const waited = delayOf(after(answered(500), { attempts: 20, waits: 20 })) ?? 0
    expect(waited).toBeLessThan(7_000)
  })

  test('but not for ever', () => {
    expect(after(answered(429, '1'), { attempts: 1_000, waits: 1_000 })).toMatchObject({ isWait: false })
    expect(after(answered(429, '1'), { attempts: 1_007, waits: 1_000 })).toMatchObject({ state: 'dead' })
  })

  test.each([500, 502, 404])('%i with Retry-After is tried again as the schedule says', (status) => {
    expect(after(answered(status, '3600'))).toMatchObject({ isWait: false })
    expect(delayOf(after(answered(status, '3600')))).toBeLessThan(7_000)
  })
})

describe('jitter', () => {
  test.each([
    [0, 900],
    [0.25, 825],
    [0.4999999, 750],
    [0.5, 1_100],
    [0.75, 1_175],
    [0.9999999, 1_250],
  ])('%f of a second is %i ms', (random, expected) => {
    expect(withJitter(1_000, random)).toBe(expected)
  })
})

describe('Retry-After', () => {
  test.each([
    ['120', 120_000],
    [' 7 ', 7_000],
    ['0', 1_000],
    ['Wed, 04 Mar 2026 05:07:07 GMT', MINUTE],
    ['Wednesday, 04-Mar-26 05:07:07 GMT', MINUTE],
    ['Wed Mar  4 05:07:07 2026', MINUTE],
    ['Wed, 04 Mar 2026 05:00:00 GMT', 1_000],
    ['99999999999999999999', FAILING_LIMIT_MS],
    ['soon', null],
    ['-1', null],
    ['1.5', null],
    ['', null],
    ['2026-03-04T05:07:07Z', null],
    [null, null],
  ])('%j asks for %j ms', (header, expected) => {
    expect(retryAfterMs(header, NOW)).toBe(expected)
  })
})

describe('an endpoint is disabled', () => {
  test.each([
    [null, false],
    ['2026-02-27T05:06:08Z', false],
    ['2026-02-27T05:06:07Z', true],
    ['2026-01-01T00:00:00Z', true],
  ])('that fails since %j: %s', (since, expected) => {
    expect(hasFailedTooLong(since, NOW)).toBe(expected)
  })
})
