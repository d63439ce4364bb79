import { describe, expect, test } from 'vitest'
import { isGood, verdictOn, type Expected, type Kept } from './verdict.ts'

const EXPECTED: Expected[] = [1, 2, 3].flatMap((version) =>
  ['a', 'b'].map((enrollmentId) => ({ eventId: `${enrollmentId}${version}`, enrollmentId, version })),
)
const GOOD: Kept[] = EXPECTED.map((event) => ({ ...event, messageId: `msg_${event.eventId}` }))

function changed(change: (kept: Kept[]) => void): Kept[] {
  const copy = [...GOOD]
  change(copy)
  return copy
}

describe('what the rehearsal of webhooks finds', () => {
  test('is nothing where nothing is wrong, duplicates included', () => {
    expect(verdictOn(GOOD, EXPECTED)).toEqual({
      missing: 0,
      strangers: 0,
      idConflicts: 0,
      outOfOrder: 0,
      duplicates: 0,
    })
    const twice = verdictOn([...GOOD, ...GOOD], EXPECTED)
    expect(twice).toMatchObject({ duplicates: 6 })
    expect(isGood(twice)).toBe(true)
  })

  test.each<[string, Kept[], object]>([
    ['an event that was lost', changed((kept) => kept.splice(2, 1)), { missing: 1 }],
    [
      'an event that nobody made',
      [...GOOD, { ...EXPECTED[0], eventId: 'x', messageId: 'm' } as Kept],
      { strangers: 1 },
    ],
    ['another id of the same event', [...GOOD, { ...GOOD[0], messageId: 'other' } as Kept], { idConflicts: 1 }],
    [
      'one id for two events',
      changed((kept) => (kept[1] = { ...kept[1], messageId: 'msg_a1' } as Kept)),
      { idConflicts: 1 },
    ],
    ['two versions in the wrong order', changed((kept) => kept.splice(0, 0, ...kept.splice(2, 1))), { outOfOrder: 1 }],
  ])('is %s', (_, kept, expected) => {
    const verdict = verdictOn(kept, EXPECTED)
    expect(verdict).toMatchObject(expected)
    expect(isGood(verdict)).toBe(false)
  })
})
