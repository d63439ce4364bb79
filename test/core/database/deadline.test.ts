import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { withinBounds } from '../../../core/database/deadline.ts'
import { openDatabase } from '../../../core/database/open.ts'
import { EnrollmentError } from '../../../core/errors.ts'
import { eventually } from '../../support/eventually.ts'

// A pool of its own for each test: what its calls come to is measured for it.
const pools = new AsyncDisposableStack()
afterAll(() => pools.disposeAsync())
const openPool = () => pools.use(openDatabase({ connectionString: 'postgresql://localhost:1/nothing' }))

test.concurrent('many calls at once after a quiet time are taken: few answers said how few were asked for', async () => {
  const pool = openPool()
  const call = () => withinBounds(pool, undefined, () => sleep(20, 'answer'))
  for (let second = 0; second < 2; second += 1) {
    await call()
    await sleep(1_100)
  }
  expect(new Set(await Promise.all(Array.from({ length: 2_000 }, call)))).toEqual(new Set(['answer']))
})

test.concurrent('where many wait and few are answered, further ones are refused at once', async () => {
  const pool = openPool()
  const { promise: never } = Promise.withResolvers<string>()
  const call = () => withinBounds(pool, undefined, () => never).catch((error: unknown) => error)
  for (let n = 0; n < 600; n += 1) void call()
  // Of a process that did not run for seconds nothing is known: the next second tells.
  const refusal = await eventually(async () => {
    await sleep(1_100)
    const answer = await Promise.race([call(), turn('It waits')])
    expect(answer).toBeInstanceOf(EnrollmentError)
    return answer
  })
  expect(refusal).toMatchObject({ code: 'unavailable', details: { retryAfterMs: expect.any(Number) } })
})
