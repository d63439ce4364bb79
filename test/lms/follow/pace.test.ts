import { expect, test } from 'vitest'
import { lastNight } from '../../../lms/follow/last-night.ts'
import { paceOf } from '../../../lms/follow/pace.ts'

test('looks that cost little come at their interval, others take a fifth of the time', () => {
  let now = 0
  const pace = paceOf(1_000, () => now)
  expect(pace.isDue()).toBe(true)
  const waitAfter = (costMs: number) => {
    pace.looked(costMs)
    const began = now
    while (!pace.isDue()) now += 100
    return now - began
  }
  expect(waitAfter(50)).toBe(1_000)
  expect(waitAfter(50)).toBe(1_000)
  // One that was silent for a while tells nothing of the next.
  expect(waitAfter(4_000)).toBe(1_000)
  expect(waitAfter(2_000)).toBe(8_000)
  expect(waitAfter(2_000)).toBe(8_000)
  expect(waitAfter(50)).toBe(1_000)
})

test('a night begins at two', () => {
  const at = (text: string) => lastNight(new Date(text)).getTime()
  expect(at('2026-11-28T02:00:00')).toBe(new Date('2026-11-28T02:00:00').getTime())
  expect(at('2026-11-28T23:59:59')).toBe(new Date('2026-11-28T02:00:00').getTime())
  expect(at('2026-11-28T01:59:59')).toBe(new Date('2026-11-27T02:00:00').getTime())
})
