import { describe, expect, test } from 'vitest'
import { foldHistory, type HistoryRow } from '../../../../lms/import/enrollments/fold-history.ts'

const NOW = '2026-11-28T12:00:00Z'
const CREATED = '2026-01-01T00:00:00.000001Z'

const row = (
  type: string,
  at: string,
  state: string,
  more: Partial<Pick<HistoryRow, 'userId' | 'reason' | 'historyId'>> = {},
): HistoryRow => ({ historyId: `${type}${at}`, type, at, userId: null, reason: null, ...stateOf(state), ...more })

function stateOf(text: string) {
  const [activity, mode = ''] = text.split(' ')
  return { mode, isActive: activity === 'active' }
}

/** Each change as `instant state actor reason`. */
function fold(present: string, ...rows: HistoryRow[]): string[] {
  return foldHistory({ created: CREATED, rows, present: stateOf(present), now: NOW }).map(
    ({ at, after, userId, reason }) =>
      [at, after.isActive ? 'active' : 'inactive', after.mode, userId, reason]
        .filter((part) => part !== null)
        .join(' '),
  )
}

describe('the history of an enrollment', () => {
  const D1 = '2026-02-01T00:00:00Z'
  const D2 = '2026-03-01T00:00:00Z'
  const cases: [string, string[], string[]][] = [
    ['of none is one event at its creation', fold('active audit'), [`${CREATED} active audit`]],
    ['of none and inactive begins inactive', fold('inactive honor'), [`${CREATED} inactive honor`]],
    [
      'one REST call of four rows is one event: the last state, instant and actor of the first',
      fold(
        'active verified',
        row('+', '2026-01-02T03:04:05.679000Z', 'inactive audit', { userId: 7 }),
        row('~', '2026-01-02T03:04:05.690000Z', 'active audit'),
        row('~', '2026-01-02T03:04:05.700000Z', 'active verified', { userId: 1, historyId: 'a' }),
        row('~', '2026-01-02T03:04:05.700000Z', 'active verified', { userId: 1, historyId: 'b' }),
      ),
      ['2026-01-02T03:04:05.679000Z active verified 7'],
    ],
    [
      'rows one second apart are two events',
      fold('inactive audit', row('+', D1, 'active audit'), row('~', '2026-02-01T00:00:01Z', 'inactive audit')),
      [`${D1} active audit`, '2026-02-01T00:00:01Z inactive audit'],
    ],
    [
      'rows a microsecond less apart are one',
      fold('inactive audit', row('+', D1, 'active audit'), row('~', '2026-02-01T00:00:00.999999Z', 'inactive audit')),
      [`${D1} inactive audit`],
    ],
    [
      'each row counts from the one before it',
      fold(
        'active verified',
        row('+', D1, 'active audit'),
        row('~', '2026-02-01T00:00:00.900000Z', 'active honor'),
        row('~', '2026-02-01T00:00:01.800000Z', 'active verified'),
      ),
      [`${D1} active verified`],
    ],
    [
      'without its beginning it was active in the mode of the first row when it was created',
      fold('inactive audit', row('~', D1, 'inactive audit', { userId: 3, reason: 'bulk' })),
      [`${CREATED} active audit`, `${D1} inactive audit 3 bulk`],
    ],
    [
      'a first row that repeats that beginning is no event',
      fold('active audit', row('~', D1, 'active audit', { userId: 3 })),
      [`${CREATED} active audit`],
    ],
    [
      'an entry that changes nothing is no event',
      fold('active audit', row('+', D1, 'active audit'), row('~', D2, 'active audit')),
      [`${D1} active audit`],
    ],
    [
      'what nothing tells of happened at the import',
      fold('active verified', row('+', D1, 'active audit', { userId: 5 })),
      [`${D1} active audit 5`, `${NOW} active verified`],
    ],
    [
      'the order of the rows does not matter',
      fold('inactive audit', row('~', D2, 'inactive audit'), row('+', D1, 'active audit')),
      [`${D1} active audit`, `${D2} inactive audit`],
    ],
    [
      'of rows of one instant the one that the enrollment has kept is the last',
      fold(
        'active verified',
        row('~', D1, 'active verified', { historyId: 'a' }),
        row('+', D1, 'active audit', { historyId: 'b' }),
      ),
      [`${D1} active verified`],
    ],
    [
      'the reason is the first that the rows of a change give',
      fold(
        'active honor',
        row('+', D1, 'active audit'),
        row('~', '2026-02-01T00:00:00.5Z', 'active honor', { reason: 'paid' }),
      ),
      [`${D1} active honor paid`],
    ],
  ]
  test.each(cases)('%s', (_, folded, expected) => {
    expect(folded).toEqual(expected)
  })
})
