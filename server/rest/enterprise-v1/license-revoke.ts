import { EnterpriseError } from '../../../enterprise/errors.ts'
import type { LicenseResult } from '../../../enterprise/fulfilments/license-result.ts'
import { revokeLicenses, type RevokeLicensesAnswer } from '../../../enterprise/fulfilments/revoke-licenses.ts'
import { canonicalUuid } from '../../../enterprise/uuid.ts'
import type { Rights } from '../auth/rights.ts'
import type { Json } from '../django/json.ts'
import { NOT_FOUND, NOT_PERMITTED, Refusal, type ViewResponse } from '../django/response.ts'
import { isFalsy, isObject } from '../django/text.ts'
import { contextOf, mayActForCustomer, type EnterpriseApi } from './api.ts'
import { repeatPassing } from './repeat.ts'
import type { EnterpriseRequest, EnterpriseView } from './serve.ts'

/** Milliseconds for which failures that pass are repeated (enterprise-routes.md §7.9). */
const REPEAT_MS = 10_000

/**
 * `license_revoke`: revokes all licenses of a learner of a customer (enterprise-routes.md §2.1). Whose admin may do it the body
 * says, so that it is read first.
 */
export function licenseRevokeView(api: EnterpriseApi): EnterpriseView {
  return {
    name: 'License revoke',
    permits: ({ account }) => account !== null,
    methods: { POST: (request) => revoke(api, request) },
  }
}

async function revoke(api: EnterpriseApi, request: EnterpriseRequest): Promise<ViewResponse> {
  const { body, rights } = request
  const { user_id: userId, enterprise_id: enterpriseId } = isObject(body) ? body : {}
  const customer = typeof enterpriseId === 'string' ? canonicalUuid(enterpriseId) : null
  await refuseStrangers(api, customer, rights)
  if (!isScalar(userId) || !isScalar(enterpriseId) || userId === true) throw new Refusal(INCOMPLETE)
  const id = digitsOf(userId)
  if (id === null || customer === null) throw new Refusal(NOT_FOUND)
  const revoking = () => revokeLicenses(contextOf(api, request), { customer, learner: { userId: id } })
  const answer = await repeatPassing(revoking, REPEAT_MS, isUnfinished).catch((error: unknown) => {
    throw error instanceof EnterpriseError ? new Refusal(NOT_FOUND) : error
  })
  return { status: answer.ok ? 200 : 422, body: courseResults(answer.courses) }
}

const INCOMPLETE: ViewResponse = { status: 400, body: 'user_id and enterprise_id must be provided.' }

/** A body that names no customer names none of the caller's. */
async function refuseStrangers(api: EnterpriseApi, customer: string | null, rights: Rights): Promise<void> {
  if (rights.isGlobalStaff) return
  const isTheirs = customer !== null && (await mayActForCustomer(api, customer, rights))
  if (!isTheirs) throw new Refusal(NOT_PERMITTED)
}

/** Whether it is given, and no list or object. */
function isScalar(value: Json | undefined): value is Exclude<Json, null | object> {
  return !isFalsy(value) && typeof value !== 'object'
}

function digitsOf(value: string | number | bigint | boolean): string | null {
  if (typeof value === 'bigint') return String(value)
  return typeof value === 'string' && /^\d+$/.test(value.trim()) ? value.trim() : null
}

function isUnfinished({ courses }: RevokeLicensesAnswer): boolean {
  return courses.some(({ retryable }) => retryable)
}

/** Of a course run with several licenses what was just revoked counts. */
function courseResults(courses: readonly LicenseResult[]): Record<string, { success: boolean; message: string }> {
  const results: Record<string, { success: boolean; message: string }> = {}
  for (const { courseId, did, success, message } of courses) {
    if (did === 'alreadyRevoked' && courseId in results) continue
    results[courseId] = { success, message }
  }
  return results
}
