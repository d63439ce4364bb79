import { expect, test } from 'vitest'
import { KNOWN_MS, openMemory, UNKNOWN_MS } from '../../../lms/tokens/memory.ts'

let now = 0
const questions: string[] = []
const open = () => {
  now = 0
  questions.length = 0
  const recall = openMemory<string>(() => now)
  const ask = (digest: string, value: string | undefined = digest) =>
    recall(digest, async () => {
      questions.push(digest)
      return value
    })
  return { recall, ask, unknown: (digest: string) => recall(digest, async () => void questions.push(digest)) }
}

test('what was read is believed for 30 seconds, and then read again', async () => {
  const { ask } = open()
  expect(await ask('a', 'first')).toBe('first')
  now = KNOWN_MS - 1
  expect(await ask('a', 'second')).toBe('first')
  now = KNOWN_MS
  expect(await ask('a', 'second')).toBe('second')
  expect(questions).toEqual(['a', 'a'])
})

test('what is not there is asked for again soon', async () => {
  const { unknown } = open()
  expect(await unknown('x')).toBe(undefined)
  now = UNKNOWN_MS - 1
  await unknown('x')
  expect(questions).toEqual(['x'])
  now = UNKNOWN_MS
  await unknown('x')
  expect(questions).toEqual(['x', 'x'])
})

test('a hundred who ask at the same time wait for one reading, and a failure is remembered by nobody', async () => {
  const { recall } = open()
  let reads = 0
  const failing = () => {
    reads += 1
    return Promise.reject(new Error('away'))
  }
  const answers = await Promise.allSettled(Array.from({ length: 100 }, () => recall('a', failing)))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set(['rejected']))
  expect(reads).toBe(1)
  expect(await recall('a', async () => 'there')).toBe('there')
})

test('however much is asked for that is not there, what is there stays remembered, and the memory is bounded', async () => {
  const { ask, unknown } = open()
  await ask('known')
  for (let index = 0; index <= 10_000; index += 1) await unknown(`guess-${index}`)
  questions.length = 0
  await ask('known')
  expect(questions).toEqual([])
  await unknown('guess-0')
  expect(questions).toEqual(['guess-0'])
})
