// long: waits for the end of fifteen seconds
import { afterAll, beforeAll, expect, test } from 'vitest'
import { everythingIn } from '../../../enterprise/state.ts'
import { trap } from '../../../support/trap.ts'
import { openEnterpriseApi } from './api.ts'
import { ACME, ask, buildWorld, L, run, T } from './routes-world.ts'

const api = await openEnterpriseApi()
afterAll(() => api[Symbol.asyncDispose]())
beforeAll(() => buildWorld(api))

const send = (funding: object) =>
  ask(api, 'S', 'POST', `enterprise-customer/${ACME}/enroll_learners_in_courses/`, {
    enrollments_info: [{ user_id: 8, course_run_key: run('C1'), ...funding }],
  })

test('what a transaction pays for is kept within fifteen seconds or not at all; a license has the time it takes', async () => {
  const untouched = await everythingIn(api.db)
  await using _first = await trap(api.db, 'enterprise_batches', 'perform pg_sleep(8)')
  await using _second = await trap(api.db, 'enterprise_fulfilments', 'perform pg_sleep(8)')
  const late = await send({ transaction_id: T(50) })
  expect(late.status).toBe(409)
  expect(late.json.failures).toHaveLength(1)
  expect(await everythingIn(api.db)).toEqual(untouched)
  expect((await send({ license_uuid: L(50) })).status).toBe(201)
}, 120_000)
