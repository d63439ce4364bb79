import { expect, test } from 'vitest'
import { KEY } from '../../../support/rest.ts'
import { addLearner } from '../../../support/seed.ts'
import { addCustomer } from '../../../enterprise/seed.ts'
import { headersOf, openEnterpriseApi } from './api.ts'

test('admins of customers have a rate, services that sign in as staff or have the key have none', async () => {
  await using api = await openEnterpriseApi({ RATE_LIMITS: 'on', RATE_LIMIT_ENTERPRISE: '3/minute' })
  const acme = await addCustomer(api.db)
  const admin = await addLearner(api.db)
  await api.db.insertInto('enterprise_customer_admins').values({ customer_id: acme.id, learner_id: admin.id }).execute()
  const statuses = async (headers: Record<string, string>) => {
    const found: number[] = []
    for (let index = 0; index < 5; index += 1) found.push((await api.enroll(acme, {}, headers)).status)
    return found
  }
  const headers = await headersOf(admin)
  expect(await statuses(headers)).toEqual([400, 400, 400, 429, 429])
  const refused = await api.enroll(acme, {}, headers)
  expect(refused.text).toMatch(/^\{"detail":"Request was throttled\. Expected available in \d+ seconds\."\}$/)
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
  expect(await statuses(await headersOf(await addLearner(api.db, { is_staff: true })))).toEqual([
    400, 400, 400, 400, 400,
  ])
  expect(await statuses({ ...headers, ...KEY })).toEqual([400, 400, 400, 400, 400])
})
