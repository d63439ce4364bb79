import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { createBatcher } from '../../../core/database/batcher.ts'

describe('a lane', () => {
  test('starts a lone item within the same turn of the event loop', async () => {
    const { lane, started } = laneOf({ maxConcurrent: 1 })
    lane.add('a', { turn: 'x' })
    await turn()
    expect(started).toEqual([['a']])
  })

  test('takes along what else arrives in that turn', async () => {
    const { lane, started } = laneOf({ maxConcurrent: 2 })
    lane.add('a', { turn: 'x' })
    await Promise.resolve()
    process.nextTick(() => lane.add('b', { turn: 'x' }))
    await turn()
    expect(started).toEqual([['a', 'b']])
  })

  test('gathers what arrives while its rounds run, in order, and no more than a round holds', async () => {
    const { lane, started, finish } = laneOf({ maxConcurrent: 1, batchSize: 3 })
    lane.add('a', { turn: 'x' })
    await turn()
    for (const item of ['b', 'c', 'd', 'e']) lane.add(item, { turn: 'x' })
    await turn()
    expect(started).toEqual([['a']])
    await finish()
    expect(started).toEqual([['a'], ['b', 'c', 'd']])
    await finish()
    expect(started).toEqual([['a'], ['b', 'c', 'd'], ['e']])
  })

  test('has as many rounds at once as it may, and not one more', async () => {
    const { lane, started, finish } = laneOf({ maxConcurrent: 2 })
    for (const item of ['a', 'b', 'c', 'd']) {
      lane.add(item, { turn: 'x' })
      await turn()
    }
    expect(started).toEqual([['a'], ['b']])
    await finish()
    expect(started).toEqual([['a'], ['b'], ['c', 'd']])
  })

  test('shares what waits between the places that are free, unless a share would be small', async () => {
    const { lane, started } = laneOf({ maxConcurrent: 2, batchSize: 100 })
    for (let n = 0; n < 64; n += 1) lane.add(`item ${n}`, { turn: 'x' })
    await turn()
    expect(started.map(({ length }) => length)).toEqual([32, 32])
    const small = laneOf({ maxConcurrent: 2, batchSize: 100 })
    for (let n = 0; n < 32; n += 1) small.lane.add(`item ${n}`, { turn: 'x' })
    await turn()
    expect(small.started.map(({ length }) => length)).toEqual([32])
  })

  test('lets those who wait take turns: a crowd does not hold up a single one', async () => {
    const { lane, started, finish } = laneOf({ maxConcurrent: 1, batchSize: 4 })
    lane.add('first', { turn: 'x' })
    await turn()
    for (let n = 0; n < 10; n += 1) lane.add(`crowd ${n}`, { turn: 'crowd' })
    lane.add('single', { turn: 'single' })
    await finish()
    expect(started.at(-1)).toEqual(expect.arrayContaining(['crowd 0', 'single']))
    expect(started.at(-1)).toHaveLength(4)
    while (started.flat().length < 12) await finish()
    expect(started.flat().filter((item) => item.startsWith('crowd')).length).toBe(10)
  })

  test('never has two rounds for one key, and does not hold up another key for it', async () => {
    const { lane, started, finish } = laneOf({ maxConcurrent: 4 })
    lane.add('seat 1', { turn: 'x', key: 'seats' })
    await turn()
    lane.add('seat 2', { turn: 'x', key: 'seats' })
    lane.add('seat 3', { turn: 'x', key: 'seats' })
    lane.add('other', { turn: 'x', key: 'other' })
    lane.add('free', { turn: 'x' })
    await turn()
    expect(started).toEqual([['seat 1'], ['other'], ['free']])
    await finish()
    expect(started.at(-1)).toEqual(['seat 2', 'seat 3'])
  })

  test('keeps the order of one who waits, whatever the sizes', async () => {
    const { lane, started, finish } = laneOf({ maxConcurrent: 1, batchSize: 7 })
    const expected = Array.from({ length: 100 }, (_, n) => n)
    for (const n of expected) lane.add(`${n % 3}:${n}`, { turn: String(n % 3) })
    while (started.flat().length < 100) {
      await turn()
      await finish()
    }
    for (const who of ['0', '1', '2']) {
      const own = started.flat().filter((item) => item.startsWith(`${who}:`))
      expect(own.map((item) => Number(item.slice(2)))).toEqual(expected.filter((n) => String(n % 3) === who))
    }
  })
})

/** A lane whose rounds end, the oldest first, when the test says so. */
function laneOf({ maxConcurrent, batchSize = 10 }: { maxConcurrent: number; batchSize?: number }) {
  const started: string[][] = []
  const running: (() => void)[] = []
  const lane = createBatcher<string>({
    maxConcurrent,
    batchSize,
    run: (items) => {
      started.push([...items])
      return new Promise((resolve) => running.push(resolve))
    },
  })
  const finish = async () => {
    running.shift()?.()
    await turn()
    await turn() // The next one starts a turn after the end was heard of.
  }
  return { lane, started, finish }
}
