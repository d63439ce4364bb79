import { afterAll, describe, expect, expectTypeOf, test } from 'vitest'
import {
  enrollLearnersRequest,
  type EnrollLearnersOptions,
  type EnrollLearnersRequest,
  type RequestedRow,
} from '../../../enterprise/bulk/request.ts'
import { findCustomer } from '../../../enterprise/customer.ts'
import type { EnrollLearnersAnswer, RowOutcome } from '../../../enterprise/bulk/answer.ts'
import { isRetryable, refusal, refusalFrom, type RefusalCode } from '../../../enterprise/refusal.ts'
import { failure } from '../../../core/errors.ts'
import { addCustomer, createEnterpriseDatabase } from '../seed.ts'

const customer = '5c1a1c3e-0000-0000-0000-00000000acme'
const row = { userId: '1', courseId: 'course-v1:A+B+C' }
const license = 'a9f5cf29-5de4-4d67-8c5d-0f6d1f4f2b11'

describe('a request', () => {
  test('needs a customer and rows; the rest has a default', () => {
    expect(enrollLearnersRequest.parse({ customer, rows: [row] })).toEqual({
      customer,
      rows: [{ ...row, force: false, isDefaultAutoEnrollment: false, reviveRevoked: false }],
      failureMode: 'bestEffort',
      dryRun: false,
      notify: false,
      discount: 100,
      whenIdentityDiffers: 'refuse',
      whenLicenseRevoked: 'refuse',
      whenTransactionDiffers: 'supersede',
      userIdsOf: 'anybody',
    })
  })

  test.each([
    ['no rows', []],
    ['a row that names nobody', [{ courseId: row.courseId }]],
    ['a blank e-mail address', [{ courseId: row.courseId, email: '  ' }]],
    ['no course run', [{ userId: '1', courseId: '' }]],
    ['a license and a transaction', [{ ...row, funding: { license, transaction: license } }]],
    ['funding by nothing', [{ ...row, funding: {} }]],
    ['an unknown field', [{ ...row, group: 'a' }]],
    ['one bad row among good ones', [row, { ...row, force: 'yes' }, row]],
  ])('with %s is malformed', (_, rows) => {
    expect(enrollLearnersRequest.safeParse({ customer, rows }).success).toBe(false)
  })

  test('tells where it is malformed', () => {
    const { error } = enrollLearnersRequest.safeParse({ customer, rows: [row, { courseId: 'a' }] })
    expect(error?.issues.map(({ path }) => path)).toEqual([['rows', 1]])
  })

  test('may name learners, course runs and funding that cannot be: that is for the row', () => {
    const rows = [{ email: ' no-at-sign ', courseId: 'no key', funding: { license: 'L1' } }]
    expect(enrollLearnersRequest.parse({ customer, rows }).rows).toMatchObject([
      { email: 'no-at-sign', courseId: 'no key', funding: { license: 'L1' } },
    ])
  })
})

describe('a refusal', () => {
  test('is core’s own, but for the codes of the extension', () => {
    const closed = failure('enrollmentClosed', { because: 'ended' })
    expect(refusalFrom(closed)).toBe(closed)
    expect(refusalFrom(failure('unavailable', {})).code).toBe('conflict')
    const details = { mode: 'audit', available: ['masters'] }
    expect(refusalFrom(failure('modeUnavailable', { ...details, expired: false, includeExpired: false }))).toEqual({
      code: 'modeNotAvailable',
      message: "The course run does not offer the mode 'audit' now; it offers: masters.",
      details,
    })
  })

  test('may be repeated where others were in the way', () => {
    const retryable: RefusalCode[] = ['conflict', 'busy', 'versionConflict']
    expect(retryable.map(isRetryable)).toEqual([true, true, true])
    expect(isRetryable(refusal('linkForbidden', {}).code)).toBe(false)
  })
})

describe('a customer', async () => {
  const { db, ...database } = await createEnterpriseDatabase()
  afterAll(() => database[Symbol.asyncDispose]())

  test('is found by its UUID in any form', async () => {
    const acme = await addCustomer(db)
    expect(await findCustomer(db, acme.uuid)).toEqual({ ...acme, name: 'ACME' })
    expect(await findCustomer(db, acme.uuid.toUpperCase().replaceAll('-', ''))).toMatchObject(acme)
  })

  test.each([customer, 'e2a0c3fb-0b6b-4a8c-8c5d-0f6d1f4f2b11', '', 'nul\0', `${license} `])(
    '“%s” is none',
    async (uuid) => {
      await addCustomer(db)
      await expect(findCustomer(db, uuid)).rejects.toMatchObject({
        name: 'EnterpriseError',
        code: 'customerNotFound',
        details: { customer: uuid },
      })
    },
  )
})

test('types', () => {
  expectTypeOf<ReturnType<typeof enrollLearnersRequest.parse>['rows']>().toEqualTypeOf<RequestedRow[]>()
  expectTypeOf<RequestedRow>().toExtend<EnrollLearnersRequest['rows'][number]>()
  expectTypeOf<EnrollLearnersOptions>().toExtend<Omit<EnrollLearnersRequest, 'customer' | 'rows'>>()
  expectTypeOf<EnrollLearnersAnswer['rows']>().toEqualTypeOf<RowOutcome[]>()
  expectTypeOf<Extract<RowOutcome, { ok: false }>['code']>().toEqualTypeOf<RefusalCode>()
})
