import { expect, test } from 'vitest'
import { lockPatience } from '../../../core/database/lock-wait.ts'
import { openDatabase } from '../../../core/database/open.ts'

test('two that wait for each other do not meet again and again: their pauses differ, and grow up to a limit', async () => {
  // Nothing is asked of it.
  await using db = openDatabase({ connectionString: 'postgresql://nobody@127.0.0.1:1/none' })
  const [one, other] = [lockPatience(db), lockPatience(db)]
  const pausesOf = ({ nextPauseMs }: typeof one) => Array.from({ length: 8 }, () => nextPauseMs() ?? 0)
  const [first, second] = [pausesOf(one), pausesOf(other)]
  for (const [index, most] of [10, 20, 40, 80, 160, 250, 250, 250].entries()) {
    for (const pause of [first[index], second[index]]) {
      expect(pause).toBeGreaterThanOrEqual(most / 2)
      expect(pause).toBeLessThanOrEqual(most)
    }
    expect(first[index]).not.toBe(second[index])
  }
})
