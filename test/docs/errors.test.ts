import { TRPCError } from '@trpc/server'
import { getHTTPStatusCodeFromError } from '@trpc/server/http'
import { describe, expect, test } from 'vitest'
import { EnrollmentError, failure, type ErrorCode, type ErrorDetails } from '../../core/errors.ts'
import { EnterpriseError, type EnterpriseErrorCode } from '../../enterprise/errors.ts'
import { isRetryable, type Refusal, type RefusalCode } from '../../enterprise/refusal.ts'
import { toTRPCError } from '../../routers/errors.ts'
import { bulkAnswer } from '../../server/rest/enterprise-v1/answer.ts'
import { responseToEnrollmentError } from '../../server/rest/enrollment-v1/post-enrollment/errors.ts'
import { readFiles } from './files.ts'
import { cellsOf } from './markdown.ts'

/** Details of each code. The compiler asks for a new one here, and the tests for its rows. */
const details: { [C in ErrorCode]: ErrorDetails[C] } = {
  learnerNotFound: { username: '<username>' },
  courseNotFound: { courseId: '<course_id>' },
  invalidCourseKey: { courseId: '<course_id>' },
  modeUnavailable: { mode: '<mode>', available: ['audit'], expired: true, includeExpired: false },
  enrollmentClosed: { because: 'ended' },
  courseFull: { limit: 1 },
  notEnrolled: { courseId: '<course_id>' },
  modeMismatch: { activeMode: '<active_mode>', requestedMode: '<requested_mode>' },
  missingAttributes: { mode: '<mode>', required: ['<required>'], missing: ['<required>'] },
  invalidAttribute: { missing: 'value' },
  cohortNotFound: { cohort: '<cohort>' },
  versionConflict: { expected: 1, actual: 2 },
  idempotencyMismatch: { key: '<key>' },
  batchTooLarge: { limit: 10_000 },
  ownedByLms: { courseId: '<course_id>' },
  vetoed: { by: '<filter>', message: '<reason>' },
  notAttempted: {},
  tooSlow: {},
  unavailable: {},
  webhookNotFound: { id: '<id>' },
  webhookDeliveryNotFound: { deliveryId: '<id>' },
  webhookDisabled: { id: '<id>' },
  webhookUrlRefused: { because: '<reason>' },
  webhooksNotConfigured: {},
  jobNotFound: { jobId: '<id>' },
  uploadNotFound: { uploadId: '<id>' },
  batchNotFound: { batchId: '<id>' },
  jobNotEnded: { jobId: '<id>', state: 'running' },
  invalidFile: { problem: '<problem>', line: 1 },
  invalidLine: { problem: '<problem>' },
  duplicateLine: { line: 2 },
  contradictingLine: { line: 2 },
  changedSince: { version: 2, eventId: '<id>' },
  planChanged: { expected: '<fingerprint>', actual: '<fingerprint>' },
  tooManyRemovals: { courseId: '<course_id>', removals: 6, active: 50, limit: 5 },
  jobFailed: { problem: '<problem>' },
}

/** Codes of rows that only enterprise has. */
type RowCode = Exclude<RefusalCode, ErrorCode>

const ofRows: { [C in RowCode]: Extract<Refusal, { code: C }>['details'] } = {
  modeNotAvailable: { mode: 'honor', available: [] },
  linkForbidden: {},
  invalidEmail: { email: '' },
  identityMismatch: { field: 'email' },
  fundingConflict: { kind: 'license', held: null },
  invalidFunding: { kind: 'license', id: '' },
  modeDowngrade: { courseId: '', activeMode: 'verified', requestedMode: 'audit' },
  fulfilmentRevoked: { fulfilmentId: '' },
  transactionReused: { fulfilmentId: '' },
  conflict: {},
  busy: {},
}

const ofRequests: { [C in EnterpriseErrorCode]: EnterpriseError<C> } = {
  customerNotFound: new EnterpriseError('customerNotFound', { customer: '' }),
  learnerNotLinked: new EnterpriseError('learnerNotLinked', { customer: '', learner: { username: '' } }),
  invalidRequest: new EnterpriseError('invalidRequest', { issues: [] }),
}

const codes = keysOf(details)
const rowCodes = keysOf(ofRows)

const documented = tablesOf('docs/errors.md')
const contract = tablesOf('docs/contract/rpc.md').get('4. Errors') ?? []

describe('codes of enrollment', () => {
  const table = documented.get('Codes of enrollment') ?? []

  test('all of them, in the order of the code', () => {
    expect(table.map((row) => codeIn(row[0]))).toEqual(codes)
  })

  test.each(codes)('%s', (code) => {
    const row = rowOf(table, code)
    const error = toTRPCError(new TRPCError({ code: 'INTERNAL_SERVER_ERROR', cause: errorOf(code) }))
    expect({ trpc: row[2], http: Number(row[3]) }).toEqual({
      trpc: error.code,
      http: getHTTPStatusCodeFromError(error),
    })
    const named = [...(row[4] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name)
    const expected = code === 'learnerNotFound' ? [] : Object.keys(details[code])
    expect(named).toEqual(expected)
  })

  test('those of the contract, with its tRPC codes and at least its details', () => {
    const later = (documented.get('Codes that come later') ?? []).map((row) => codeIn(row[0]))
    const promised = contract.filter((row) => !later.includes(codeIn(row[0])))
    const ours = promised.map((row) => rowOf(table, codeIn(row[0])))
    expect(ours.map(([code, , trpc]) => [code, trpc])).toEqual(promised.map(([code, trpc]) => [code, trpc]))
    for (const [code, , details] of promised) {
      const named = namesIn(details?.split(':')[0])
      expect(namesIn(rowOf(table, codeIn(code))[4]), code).toEqual(expect.arrayContaining(named))
    }
    expect(promised.map((row) => codeIn(row[0]))).toEqual(codes)
  })
})

describe('answers of the REST API', () => {
  const table = documented.get('Answers of the REST API') ?? []

  test('all of them', () => {
    expect(table.map((row) => codeIn(row[0]))).toEqual(codes)
  })

  test.each(codes)('%s', (code) => {
    const [, status, text] = rowOf(table, code)
    const change = { username: '<username>', courseId: '<course_id>', mode: '<mode>' }
    const answer = responseToEnrollmentError(errorOf(code), change)
    expect(Number(status)).toBe(answer.status)
    expect(Object.values(answer.body as object)[0]).toBe(/^`([^`]+)`/.exec(text ?? '')?.[1])
  })
})

describe('refusals of enterprise rows', () => {
  const table = documented.get('Refusals of enterprise rows') ?? []
  const ofCustomers = table.filter((row) => row.length === 3)
  const rows = table.filter((row) => row.length === 5)

  test('all of them', () => {
    expect(rows.map((row) => codeIn(row[0]))).toEqual(rowCodes)
    expect(ofCustomers.map((row) => codeIn(row[0]))).toEqual(keysOf(ofRequests))
  })

  test.each(rowCodes)('%s', (code) => {
    const [, , place, again] = rowOf(rows, code)
    expect({ place, again }).toEqual({ place: placeOf(code), again: isRetryable(code) ? 'yes' : 'no' })
  })

  test('the codes of enrollment among them', () => {
    const shared = codes.filter((code) => code !== 'modeUnavailable' && code !== 'unavailable')
    expect(shared.filter((code) => placeOf(code) !== 'failures')).toEqual(['learnerNotFound'])
    expect(shared.filter((code) => isRetryable(code))).toEqual(['versionConflict'])
  })
})

test('codes that come later are in their contracts, and not in the code yet', () => {
  const contracts = readFiles('docs/contract/*.md')
  for (const [cell, place] of documented.get('Codes that come later') ?? []) {
    const code = codeIn(cell)
    const file = /\(contract\/([^)#]+)/.exec(place ?? '')?.[1]
    const text = contracts.find(({ path }) => path === `docs/contract/${file}`)?.text
    expect(text, code).toContain(`\`${code}\``)
    expect(Object.keys(details)).not.toContain(code)
  }
})

/** In which list of the bulk route's answer a refused row stands. */
function placeOf(code: RefusalCode): string | undefined {
  // A refused row is told by its names alone.
  const row = { userId: 7, email: undefined, courseRunKey: 'c' } as Parameters<typeof bulkAnswer>[0][number]
  const refused = { index: 0, userId: null, email: 'a@b.c', courseId: 'c', ok: false, kind: 'refused' } as const
  const outcome = { ...refused, code, message: '', details: {}, retryable: false }
  const { body } = bulkAnswer([row], [outcome], 'strict')
  return Object.entries(body).find(([, list]) => Array.isArray(list) && list.length > 0)?.[0]
}

function errorOf(code: ErrorCode): EnrollmentError {
  return new EnrollmentError(failure(code, details[code]))
}

/** The rows of all tables under each heading of a document, without their heads. */
function tablesOf(path: string): Map<string, string[][]> {
  const [file] = readFiles(path)
  const tables = new Map<string, string[][]>()
  let rows: string[][] = []
  let isHead = true
  for (const line of (file?.text ?? '').split('\n')) {
    const heading = /^#+ (.*)$/.exec(line)?.[1]
    if (heading !== undefined) tables.set(heading, (rows = []))
    const cells = cellsOf(line)
    if (cells === null) isHead = true
    else if (/^-+$/.test(cells[0] ?? '')) isHead = false
    else if (!isHead) rows.push(cells)
  }
  return tables
}

function rowOf(table: readonly string[][], code: string): string[] {
  const row = table.find(([cell]) => namesIn(cell).includes(code))
  if (row === undefined) throw new Error(`No row for ${code}`)
  return row
}

function codeIn(cell: string | undefined): string {
  return namesIn(cell)[0] ?? ''
}

function namesIn(cell: string | undefined): string[] {
  return [...(cell ?? '').matchAll(/`(\w+)/g)].flatMap(([, name]) => name ?? [])
}

function keysOf<K extends string>(record: Readonly<Record<K, unknown>>): K[] {
  return Object.keys(record) as K[] // They have no others.
}
