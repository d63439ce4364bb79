import { failure } from '../../core/errors.ts'
import { isStorableText } from '../../routers/extension.ts'
import { type CourseOffer, type Policy } from '../../routers/index.ts'
import type { RowOrder } from './request.ts'
import { refusalFrom, type Refusal } from './refusal.ts'
import { fundingOf, type Funding } from './funding.ts'
import { bestMode, type Offers } from './offers.ts'
import type { Address, Person, PersonsAccount } from './resolve-learners.ts'

/** A row of the request, and its place there. */
export interface AskedRow {
  readonly index: number
  readonly order: RowOrder
  /** Why this row is asked for; left out: for the reason of the request. */
  readonly reason?: string | null
}

/** A row whose person and funding can be. */
export interface MeantRow<P = PersonsAccount | Address> extends AskedRow {
  readonly person: P
  readonly funding: Funding | null
}

/** A row with its course run. */
export interface ReadyRow<P = PersonsAccount | Address> extends MeantRow<P> {
  /** Null: no course run has the key. */
  readonly offer: CourseOffer | null
  /** As the key is stored; as it was sent where no course run has it. */
  readonly courseKey: string
  /** The mode that is asked for, or else the best. */
  readonly mode: string
}

/** A row that is refused for what it says, whatever is known about its person and its course run. */
export interface UnreadyRow extends AskedRow {
  readonly person: Person
  readonly refusal: Refusal
}

/** Finds out what a row means. Pure. */
export function meaningOf(asked: AskedRow, person: Person): MeantRow | UnreadyRow {
  if (person.is === 'nobody') return { ...asked, person, refusal: person.refusal }
  const funding = fundingOf(asked.order)
  if (!funding.ok) return { ...asked, person, refusal: funding.refusal }
  const { courseId } = asked.order
  if (person.is === 'address' && !isStorableKey(courseId)) {
    return { ...asked, person, refusal: refusalFrom(failure('invalidCourseKey', { courseId })) }
  }
  return { ...asked, person, funding: funding.funding }
}

/** Whether a row may go on. */
export function isMeant(row: MeantRow | UnreadyRow): row is MeantRow {
  return !('refusal' in row)
}

/** Whether a row is refused already. */
export function isUnready(row: MeantRow | UnreadyRow): row is UnreadyRow {
  return 'refusal' in row
}

/** Adds the course run of a row, and the mode that follows from it. */
export function withOffer(row: MeantRow, offers: Offers, policy: Policy | undefined): ReadyRow {
  const offer = offers.get(row.order.courseId) ?? null
  const courseKey = offer?.courseId ?? row.order.courseId
  return { ...row, offer, courseKey, mode: row.order.mode ?? bestMode(offer, policy) }
}

/** Whether a row is about somebody who has an account. */
export function isForAccount(row: ReadyRow): row is ReadyRow<PersonsAccount> {
  return row.person.is === 'account'
}

/** Whether a row is about somebody who has none. */
export function isForAddress(row: ReadyRow): row is ReadyRow<Address> {
  return row.person.is === 'address'
}

/** A row for an address is kept until it can be carried out; the key of a course run is what can be kept as one. */
function isStorableKey(courseId: string): boolean {
  return [...courseId].length <= 255 && isStorableText(courseId)
}
