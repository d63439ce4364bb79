import { expireLicenses, type ExpireLicensesAnswer } from '../../../enterprise/fulfilments/expire-licenses.ts'
import { canonicalUuid } from '../../../enterprise/uuid.ts'
import { globalStaff } from '../auth/rights.ts'
import { EnrollmentError, failure } from '../../../core/errors.ts'
import type { Json } from '../django/json.ts'
import { detail, Refusal, type ViewResponse } from '../django/response.ts'
import { isArray, isFalsy, isObject, pythonTypeName } from '../django/text.ts'
import { contextOf, type EnterpriseApi } from './api.ts'
import { readInstant } from './instant.ts'
import { repeatPassing } from './repeat.ts'
import type { EnterpriseRequest, EnterpriseView } from './serve.ts'

/** The most licenses of a request. */
const MAX_LICENSES = 10_000

/** Milliseconds in all; a proxy gives up after sixty seconds (enterprise-routes.md §7.9). */
const LIMIT_MS = 55_000

/** Milliseconds after which nothing is begun again. */
const REPEAT_MS = LIMIT_MS - 15_000

/** `bulk_licensed_enrollments_expiration`: revokes licenses that have expired, of all customers (enterprise-routes.md §2.2). */
export function licensesExpirationView(api: EnterpriseApi): EnterpriseView {
  return {
    name: 'Bulk licensed enrollments expiration',
    permits: globalStaff,
    methods: { POST: (request) => expire(api, request) },
  }
}

async function expire(api: EnterpriseApi, request: EnterpriseRequest): Promise<ViewResponse> {
  const fields = isObject(request.body) ? request.body : {}
  const licenses = licensesOf(fields[LICENSES])
  const ignoreEnrollmentsModifiedAfter = cutOffOf(fields[CUT_OFF], request.query.get(CUT_OFF))
  const wanted = { licenses, ...(ignoreEnrollmentsModifiedAfter !== null && { ignoreEnrollmentsModifiedAfter }) }
  const end = new AbortController()
  const timer = setTimeout(() => end.abort(new EnrollmentError(failure('unavailable', {}))), LIMIT_MS)
  const expiring = () => expireLicenses(contextOf(api, request), wanted, { signal: end.signal })
  try {
    const { ok } = await repeatPassing(expiring, REPEAT_MS, isUnfinished)
    return { status: ok ? 200 : 422 }
  } catch (error) {
    if (error instanceof EnrollmentError && error.code === 'unavailable') return { status: 422 }
    throw error
  } finally {
    clearTimeout(timer)
  }
}

const LICENSES = 'expired_license_uuids'
const CUT_OFF = 'ignore_enrollments_modified_after'

function licensesOf(value: Json | undefined): string[] {
  if (value === undefined || isFalsy(value)) {
    throw new Refusal({ status: 400, body: `Parameter ${LICENSES} must be provided` })
  }
  if (!isArray(value)) {
    const text = `Expected a list of items but got type "${pythonTypeName(value)}".`
    throw new Refusal({ status: 400, body: { [LICENSES]: [text] } })
  }
  if (value.length > MAX_LICENSES)
    throw new Refusal(detail(413, `A request may hold at most ${MAX_LICENSES} licenses.`))
  const licenses = value.map((item) => (typeof item === 'string' ? canonicalUuid(item) : null))
  const faults = licenses.flatMap((license, index) => (license === null ? [[index, ['Must be a valid UUID.']]] : []))
  if (faults.length > 0) throw new Refusal({ status: 400, body: { [LICENSES]: Object.fromEntries(faults) } })
  return licenses.filter((license) => license !== null)
}

/** That of the body, or else that of the query. */
function cutOffOf(inBody: Json | undefined, inQuery: string | undefined): string | null {
  const given = inBody === undefined || inBody === null || inBody === '' ? inQuery : inBody
  if (given === undefined || given === '') return null
  const instant = typeof given === 'string' ? readInstant(given) : null
  if (instant !== null) return instant
  const text = `Parameter ${CUT_OFF} is malformed, please provide a date in ISO-8601 format`
  throw new Refusal({ status: 400, body: text })
}

function isUnfinished({ results }: ExpireLicensesAnswer): boolean {
  return results.some(({ retryable }) => retryable)
}
