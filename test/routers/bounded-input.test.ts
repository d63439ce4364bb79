import { afterAll, describe, expect, test } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { buildTestApp, openTestServer } from '../support/server.ts'

// An internal caller's malformed input costs no more than reading it, and its error stays small (rpc §4).

const database = await createTestDatabase()
const server = await openTestServer(buildTestApp({ db: database.db }))
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

interface ErrorData {
  readonly code: string
  readonly issues?: readonly { readonly path: readonly PropertyKey[] }[]
  readonly issuesLeftOut?: number
}

/** The status, the size and the error of a call. */
async function refusalOf(path: string, input: unknown): Promise<{ status: number; bytes: number; data: ErrorData }> {
  const response = await fetch(`${server.internal}/trpc/${path}`, {
    method: 'POST',
    headers: { authorization: 'Bearer token-of-enterprise', 'content-type': 'application/json' },
    body: JSON.stringify(input),
  })
  const text = await response.text()
  return { status: response.status, bytes: text.length, data: JSON.parse(text).error.data }
}

const LARGEST_ERROR = 64 * 1024
const good = { username: 'a', courseId: 'course-v1:a+b+c' }
const list = <T>(length: number, element: T) => Array.from({ length }, () => element)

describe('malformed items of a batch', () => {
  test('up to twenty are all told', async () => {
    const { status, data } = await refusalOf('enrollment.enrollMany', { items: list(20, { ...good, force: 1 }) })
    expect(status).toBe(400)
    expect(data.issues?.map(({ path }) => path.join('.'))).toEqual(
      Array.from({ length: 20 }, (_, index) => `items.${index}.force`),
    )
    expect(data).not.toHaveProperty('issuesLeftOut')
  })

  test.each([21, 10_000])('of %i the first twenty, and how many more', async (length) => {
    const { status, bytes, data } = await refusalOf('enrollment.enrollMany', {
      items: list(length, { ...good, force: 1 }),
    })
    expect(status).toBe(400)
    expect(data.issues).toHaveLength(20)
    expect(data.issuesLeftOut).toBe(length - 20)
    expect(bytes).toBeLessThan(LARGEST_ERROR)
  })

  test('in the items and beside them are told together', async () => {
    const { data } = await refusalOf('enrollment.enrollMany', { items: [{ ...good, force: 1 }], dryRun: 'yes' })
    expect(data.issues?.map(({ path }) => path.join('.')).toSorted()).toContain('dryRun')
  })
})

test.each<[string, string, unknown]>([
  ['attributes', 'enrollment.enrollMany', { items: list(4_350, { ...good, attributes: list(400, { x: 1, y: [1] }) }) }],
  ['a million attributes', 'enrollment.enroll', { ...good, attributes: list(1_000_000, 1) }],
  ['items of one number', 'enrollment.enrollMany', { items: list(10_000, 7) }],
  [
    'many long keys',
    'enrollment.enroll',
    { ...good, ...Object.fromEntries(list(2_000, 0).map((_, n) => [`${n}${'k'.repeat(2_000)}`, 1])) },
  ],
  ['names', 'enrollment.search', { usernames: list(1_000_000, 1) }],
  ['keys of courses', 'course.getMany', { courseIds: list(1_000_000, 1) }],
  ['a long key of a course', 'course.get', { courseId: 'x'.repeat(1_000_000) }],
  ['a long username', 'enrollment.get', { username: 'x'.repeat(1_000_000), courseId: 'a' }],
])('the error of malformed %s is small, and the heap does not grow by it', async (_, path, input) => {
  const before = process.memoryUsage().heapUsed
  const { status, bytes } = await refusalOf(path, input)
  expect(status).toBeGreaterThanOrEqual(400)
  expect(status).toBeLessThan(500)
  expect(bytes).toBeLessThan(LARGEST_ERROR)
  // The input itself, read and parsed, is in it.
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(400 * 1024 * 1024)
})
