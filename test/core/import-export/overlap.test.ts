import { setImmediate as turnOfEventLoop } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { lineFormat } from '../../../core/import-export/lines.ts'
import { writeOverlapping, type Turn } from '../../../core/import-export/overlap.ts'
import { windowOfObjects, type Window } from '../../../core/import-export/window.ts'

const enrollment = (username: string, more: object = {}) => ({
  type: 'enrollment',
  username,
  courseId: 'a/b/c',
  mode: 'audit',
  ...more,
})
const user = { type: 'user', username: 'zoe', email: null }

/** Writes windows of these lines, each for as long as the test wants; `log` says what happened, in order. */
function writing(windows: readonly (readonly object[])[], { atOnce = 2, readError }: Settings = {}) {
  const log: string[] = []
  const ends = windows.map(() => Promise.withResolvers<number>())
  const turns: Turn[] = []
  async function* read(): AsyncGenerator<Window> {
    for (const [index, lines] of windows.entries()) {
      log.push(`read ${index}`)
      yield windowOfObjects(lines, lineFormat())
    }
    if (readError) throw readError
  }
  const write = (_: Window, turn: Turn) => {
    const index = turns.push(turn) - 1
    log.push(`begin ${index}`)
    return ends[index]?.promise ?? Promise.reject(new RangeError('No such window'))
  }
  const whole = (async () => {
    for await (const { outcome } of writeOverlapping(read(), atOnce, write)) log.push(`end ${outcome}`)
  })()
  const ended = whole.catch((error: unknown) => void log.push(String(error)))
  const settled = async () => {
    for (let n = 0; n < 5; n += 1) await turnOfEventLoop()
    return log
  }
  return { ended, ends, turns, log, settled }
}

interface Settings {
  readonly atOnce?: number
  readonly readError?: Error
}

test('two windows of other enrollments are written at once, and a third is read; outcomes come in the order of the file', async () => {
  const { ends, ended, log, settled } = writing([[enrollment('a')], [enrollment('b')], [enrollment('c')]])
  expect(await settled()).toEqual(['read 0', 'begin 0', 'read 1', 'begin 1', 'read 2'])
  ends[1]?.resolve(1)
  expect(await settled()).toHaveLength(5)
  ends[0]?.resolve(0)
  ends[2]?.resolve(2)
  await ended
  expect(log.filter((entry) => entry.startsWith('end'))).toEqual(['end 0', 'end 1', 'end 2'])
})

test.each([
  ['has the same enrollment', [enrollment('a')], [enrollment('b'), enrollment('a', { mode: 'verified' })]],
  ['has the same id of the LMS', [enrollment('a', { id: 7 })], [enrollment('b', { id: 7 })]],
  ['follows lines of another type', [user], [enrollment('a')]],
  ['has lines of another type', [enrollment('a')], [enrollment('b'), user]],
])('a window waits for the one before where it %s', async (_, first, second) => {
  const { ends, ended, settled } = writing([first, second])
  expect(await settled()).toEqual(['read 0', 'begin 0', 'read 1'])
  ends[0]?.resolve(0)
  expect(await settled()).toEqual(['read 0', 'begin 0', 'read 1', 'end 0', 'begin 1'])
  ends[1]?.resolve(1)
  await ended
})

test('in a transaction one is written at a time, and the next is read meanwhile', async () => {
  const { ends, ended, settled } = writing([[enrollment('a')], [enrollment('b')]], { atOnce: 1 })
  expect(await settled()).toEqual(['read 0', 'begin 0', 'read 1'])
  for (const [index, { resolve }] of ends.entries()) resolve(index)
  await ended
})

test('what reading throws comes after what was read before it', async () => {
  const { ends, ended, log, settled } = writing([[enrollment('a')]], { readError: new Error('The disk is gone') })
  await settled()
  ends[0]?.resolve(0)
  await ended
  expect(log).toEqual(['read 0', 'begin 0', 'end 0', 'Error: The disk is gone'])
})

test('what a window throws comes in its place, once the others have ended, and none is begun any more', async () => {
  const { ends, ended, log, settled } = writing([[enrollment('a')], [enrollment('b')], [enrollment('c')]])
  await settled()
  ends[0]?.reject(new Error('The database is gone'))
  expect(await settled()).not.toContain('Error: The database is gone')
  ends[1]?.resolve(1)
  await ended
  expect(log).toEqual(['read 0', 'begin 0', 'read 1', 'begin 1', 'read 2', 'Error: The database is gone'])
})

test('the turn of a window comes when the one before has passed it on, and it is early until that one has ended', async () => {
  const { ends, ended, turns, settled } = writing([[enrollment('a')], [enrollment('b')]])
  await settled()
  const [first, second] = turns
  const comes = async () => {
    let hasCome = false
    void second?.comes().then(() => (hasCome = true))
    await settled()
    return hasCome
  }
  expect([first?.isEarly(), second?.isEarly(), await comes()]).toEqual([false, true, false])
  first?.pass()
  expect([second?.isEarly(), await comes()]).toEqual([true, true])
  ends[0]?.resolve(0)
  await settled()
  expect(second?.isEarly()).toBe(false)
  ends[1]?.resolve(1)
  await ended
})
