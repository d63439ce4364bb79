import { expect, test, vi } from 'vitest'
import { snapshotOf } from '../../../core/access/snapshot.ts'

test('what was read serves those who ask soon after', async () => {
  let now = 0
  const read = vi.fn<() => Promise<string>>(async () => `read at ${now}`)
  const snapshot = snapshotOf(read, () => now)
  expect(await snapshot(1_000)).toBe('read at 0')
  now = 999
  expect(await snapshot(1_000)).toBe('read at 0')
  now = 1_000
  expect(await snapshot(1_000)).toBe('read at 1000')
  expect(read).toHaveBeenCalledTimes(2)
})

test('each asks for an age of their own', async () => {
  let now = 0
  const snapshot = snapshotOf(
    async () => now,
    () => now,
  )
  await snapshot(1_000)
  now = 300
  expect(await snapshot(1_000)).toBe(0)
  expect(await snapshot(250)).toBe(300)
})

test('those who ask while a read is under way share it, and its age counts from its beginning', async () => {
  let now = 0
  let started = 0
  const reads = [Promise.withResolvers<string>(), Promise.withResolvers<string>()]
  const read = async () => reads[started++]?.promise ?? 'too many'
  const snapshot = snapshotOf(read, () => now)
  const asked = [snapshot(1_000), snapshot(1_000)]
  now = 1_000
  const later = snapshot(1_000)
  reads[1]?.resolve('second')
  reads[0]?.resolve('first')
  expect(await Promise.all(asked)).toEqual(['first', 'first'])
  expect(await later).toBe('second')
  expect(await snapshot(1_000)).toBe('second')
})

test('a read that failed is kept for nobody', async () => {
  let fails = true
  const snapshot = snapshotOf(
    async () => {
      if (fails) throw new Error('away')
      return 'back'
    },
    () => 0,
  )
  await expect(snapshot(1_000)).rejects.toThrow('away')
  fails = false
  expect(await snapshot(1_000)).toBe('back')
})
