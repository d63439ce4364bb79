import { isEmailAddress } from '../../../../core/learner/email-address.ts'
import type { Json } from '../../django/json.ts'
import { detail, Refusal } from '../../django/response.ts'
import { readObject, type FieldReader } from '../../django/serializer-fields.ts'
import { plainText } from '../../django/serializer-values.ts'
import { shortenTexts } from '../../django/shorten.ts'
import { isArray, isObject, pythonTypeName } from '../../django/text.ts'

/** The most items of a request, as of rows of the bulk route. */
const MAX_ITEMS = 10_000

/** What an item of the list asks for. */
export interface Item {
  readonly lmsUserId: string | undefined
  readonly email: string | undefined
  readonly courseId: string
  readonly mode: (typeof MODES)[number]
  readonly cohort: string | undefined
  readonly isTold: boolean
  readonly isActive: boolean
}

/** An item that was read, or what is wrong with its fields. */
export type ReadItem = { readonly item: Item } | { readonly errors: object }

const MODES = ['audit', 'verified', 'professional'] as const

/**
 * The elements of the body.
 *
 * @throws {Refusal} 400 for what is no list, 413 for one that is too long.
 */
export function elementsOf(body: Json): readonly Json[] {
  if (body === null) throw new Refusal({ status: 400, body: { non_field_errors: ['No data provided'] } })
  if (!isArray(body)) {
    const text = `Expected a list of items but got type "${pythonTypeName(body)}".`
    throw new Refusal({ status: 400, body: { non_field_errors: [text] } })
  }
  if (body.length > MAX_ITEMS) throw new Refusal(detail(413, `A request may hold at most ${MAX_ITEMS} items.`))
  return body
}

/** The keys of course runs that elements name, as they were sent; some may be no keys. */
export function courseIdsIn(elements: readonly Json[]): string[] {
  return elements.flatMap((element) => {
    const value = isObject(element) ? (element['course_run_id'] ?? null) : null
    return value === null ? [] : (plainText(value)?.trim() ?? [])
  })
}

/** The catalogue of a customer: every course run that there is. */
export interface Catalogue {
  readonly customerName: string
  has(courseId: string): boolean
}

/** Reads an element, with the error texts of the original (enterprise-routes.md §2.6). */
export function readItem(element: Json, catalogue: Catalogue): ReadItem {
  const read = readObject(element, (fields) => itemOf(fields, catalogue))
  if (read.faults === null) return { item: read.value }
  const faults = Array.isArray(read.faults) ? { non_field_errors: read.faults } : read.faults
  return { errors: shortenTexts(faults) as object } // Its form stays.
}

/** In the order of the original's fields, which is that of the errors. */
function itemOf(fields: FieldReader, catalogue: Catalogue): Item {
  const lmsUserId = fields.givenText('lms_user_id')
  // No account is known by an id of a third party, so that this one leads to nobody.
  fields.givenText('tpa_user_id')
  const email = fields.givenText('user_email')
  if (email && !isEmailAddress(email)) fields.report('user_email', 'Enter a valid email address.')
  const courseId = fields.text('course_run_id')
  if (courseId !== '' && !catalogue.has(courseId)) {
    const text = `The course run id ${courseId} is not in the catalog for Enterprise Customer ${catalogue.customerName}`
    fields.report('course_run_id', text)
  }
  const mode = fields.choice('course_mode', MODES)
  const cohort = fields.givenText('cohort')
  const isTold = fields.flag('email_students')
  const isActive = fields.flag('is_active', { unlessGiven: true })
  return { lmsUserId, email, courseId, mode, cohort, isTold, isActive }
}

/** What is told of an item whose names lead to nobody; what is wrong with its fields is told before. */
export const NOBODY: object = {
  non_field_errors: [
    'At least one of the following fields must be specified and map to an EnterpriseCustomerUser: lms_user_id, tpa_user_id, user_email',
  ],
}
