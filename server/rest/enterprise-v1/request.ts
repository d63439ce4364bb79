import type { EnrollLearnersRequest } from '../../../enterprise/bulk/request.ts'
import type { FieldReader } from '../django/serializer-fields.ts'

/** What a request to the bulk route asks for, and how each row names its learner and its course run. */
export interface BulkRequest {
  readonly rows: readonly BulkRow[]
  readonly options: Omit<EnrollLearnersRequest, 'customer' | 'rows'>
}

export interface BulkRow {
  /** Undefined: the row has none. There may be no account with it. */
  readonly userId: number | undefined
  /** Trimmed, in the case in which it was sent. */
  readonly email: string | undefined
  readonly courseRunKey: string
  readonly request: EnrollLearnersRequest['rows'][number]
}

/** The fields that hold rows: the old name and the new one. */
export const LISTS = ['licenses_info', 'enrollments_info'] as const

/**
 * Reads the fields of a request (enterprise C.1), with the error texts of the original. What else a row holds is left out.
 *
 * @throws {Refusal} 400: anything that is wrong with any row refuses the whole request.
 */
export function readBulkRequest(fields: FieldReader): BulkRequest {
  const [licenses = [], enrollments = []] = LISTS.map((name) => fields.objects(name, readRow))
  const options = readOptions(fields)
  if (licenses.length > 0 && enrollments.length > 0) {
    fields.reportOverall('`licenses_info` must be ommitted if `enrollments_info` is present.')
  }
  if (licenses.length === 0 && enrollments.length === 0) {
    fields.reportOverall('Must include the `enrollment_info` parameter in request.')
  }
  fields.refuseErrors()
  return { rows: licenses.length > 0 ? licenses : enrollments, options }
}

function readOptions(fields: FieldReader): BulkRequest['options'] {
  const reason = fields.givenText('reason', { maxLength: 2000 })
  const salesforceId = fields.givenText('salesforce_id', { maxLength: 255 })
  const discount = fields.decimal('discount', { min: 0, max: 100, maxPlaces: 5 })
  return {
    ...(reason !== undefined && { reason }),
    ...(salesforceId !== undefined && { salesforceId }),
    ...(discount !== undefined && { discount }),
    notify: fields.flag('notify'),
    // A row with an id is about that account, whatever its address (enterprise C.2 step 2).
    whenIdentityDiffers: 'idWins',
  }
}

function readRow(fields: FieldReader): BulkRow {
  // Zero counts as missing.
  const userId = fields.wholeNumber('user_id') || undefined
  const email = fields.givenText('email')
  const courseRunKey = fields.text('course_run_key')
  const license = fields.givenText('license_uuid')
  const transaction = fields.givenText('transaction_id')
  const force = fields.flag('force_enrollment')
  const isDefaultAutoEnrollment = fields.flag('is_default_auto_enrollment')
  if (userId === undefined && email === undefined) {
    fields.reportOverall('At least one user identifier field [user_id or email] required.')
  }
  if (license === undefined && transaction === undefined) {
    fields.reportOverall('At least one subsidy info field [license_uuid or transaction_id] required.')
  }
  if (license !== undefined && transaction !== undefined) {
    fields.reportOverall(
      'Enrollment info contains conflicting subsidy information: `license_uuid` and `transaction_id` found',
    )
  }
  const learner = {
    ...(userId !== undefined && { userId: String(userId) }),
    ...(email !== undefined && { email }),
  }
  const funding = license === undefined ? { transaction: transaction ?? '' } : { license }
  const request = { ...learner, courseId: courseRunKey, funding, force, isDefaultAutoEnrollment }
  return { userId, email, courseRunKey, request }
}
