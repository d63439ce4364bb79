import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { judgeAddresses, judgeCountries, type PlatformEmbargo } from '../../../../core/access/embargo/rules.ts'
import { networksOf } from '../../../../core/webhook/address.ts'
import { openDoor, type Door } from '../../../support/rest.ts'
import { addCourse, addLearner } from '../../../support/seed.ts'
import { importAll } from '../../../support/transfer.ts'

// Countries are those of the DB-IP Lite file of the development dependencies.
const IRAN = '5.160.0.1'
const IRAN_LET_IN = '5.160.7.7'
const UNITED_STATES = '8.8.8.8'
const UNITED_STATES_KEPT_OUT = '8.8.4.4'

let door: Door
beforeAll(async () => {
  door = await openDoor({ env: { EMBARGO: 'on', TRUST_PROXY: '127.0.0.1' } })
  await importAll(door.db, [
    { type: 'embargoCountry', country: 'IR' },
    { type: 'embargoAddress', network: '5.160.7.0/24', isAllowed: true },
    { type: 'embargoAddress', network: UNITED_STATES_KEPT_OUT, isAllowed: false },
  ])
})
afterAll(() => door[Symbol.asyncDispose]())

test.each<[from: string, country: string | null, status: number]>([
  [IRAN, null, 403],
  [UNITED_STATES, 'IR', 403],
  [UNITED_STATES, null, 200],
  [UNITED_STATES, 'FR', 200],
  [IRAN_LET_IN, null, 200],
  [IRAN_LET_IN, 'IR', 200],
  [UNITED_STATES_KEPT_OUT, null, 403],
])('a course run without a rule of its own, asked from %s by somebody of %s: %d', async (from, country, status) => {
  const id = await addCourse(door.db)
  const learner = await addLearner(door.db, { country })
  const answer = await door.as(learner).post({ course_details: { course_id: id } }, { 'x-forwarded-for': from })
  expect(answer.status).toBe(status)
  if (status === 403) expect(answer.json.user_message_url).toContain('/embargo/blocked-message/enrollment/default/')
})

test('staff is let in from a country of the platform, and not from an address that is kept out', async () => {
  const id = await addCourse(door.db)
  const staff = door.as(await addLearner(door.db, { is_staff: true }))
  const asked = { course_details: { course_id: id } }
  expect((await staff.post(asked, { 'x-forwarded-for': UNITED_STATES_KEPT_OUT })).status).toBe(403)
  expect((await staff.post(asked, { 'x-forwarded-for': IRAN })).status).toBe(200)
})

describe('the rules alone', () => {
  const platform: PlatformEmbargo = {
    countries: ['IR'],
    allowed: networksOf(['10.0.0.0/8']),
    refused: networksOf(['10.1.0.0/16', '2001:db8::/32']),
  }

  test('an address that is kept out wins over one that is let in, wherever it is in the chain', () => {
    expect(judgeAddresses(platform, ['10.2.0.1'])).toEqual({ passes: true })
    expect(judgeAddresses(platform, ['10.1.0.1'])).toEqual({ passes: false, because: '10.1.0.1' })
    expect(judgeAddresses(platform, ['2001:db8::1', '10.2.0.1'])).toEqual({ passes: false, because: '2001:db8::1' })
  })

  test('only that of whoever asks lets in, not that of a proxy', () => {
    expect(judgeAddresses(platform, ['10.2.0.1', '8.8.8.8'])).toBeNull()
    expect(judgeAddresses(platform, ['10.2.0.1', null])).toBeNull()
  })

  test('countries of the platform come on top of the rule of a course run', () => {
    const rule = { whitelist: ['IR', 'FR'], blacklist: [], messageKey: 'embargo' }
    expect(judgeCountries(platform, rule, ['IR'])).toEqual({ passes: false, because: 'IR' })
    expect(judgeCountries(platform, rule, ['DE'])).toEqual({ passes: false, because: 'DE' })
    expect(judgeCountries(platform, rule, ['FR'])).toEqual({ passes: true })
    expect(judgeCountries(platform, null, ['DE', null])).toEqual({ passes: true })
  })
})
